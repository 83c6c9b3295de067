"""Shares in whole percent."""

from __future__ import annotations

from collections.abc import Mapping


def percentages(shares: Mapping[str, int]) -> dict[str, int]:
    """Whole percent that sum to 100, by the largest remainder; all 0 where there is nothing to share."""
    total = sum(shares.values())
    if total <= 0:
        return dict.fromkeys(shares, 0)
    percent = {name: share * 100 // total for name, share in shares.items()}
    by_remainder = sorted(shares, key=lambda name: (-(shares[name] * 100 % total), name))
    for name in by_remainder[: 100 - sum(percent.values())]:
        percent[name] += 1
    return percent
