"""Looks at processes through /proc, and only at those that a test started."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path


def children_of(pid: int) -> list[int]:
    """Every living descendant of `pid`."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                after_name = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(after_name[1])
    found: list[int] = []
    wanted = {pid}
    while wanted:
        layer = {child for child, parent in parents.items() if parent in wanted}
        found += sorted(layer)
        wanted = layer
    return found


def running(pids: Iterable[int]) -> list[int]:
    """Those that are still alive (a zombie is not)."""
    alive = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            alive.append(pid)
    return alive


def left_after(seconds: float, pids: Iterable[int]) -> list[int]:
    """Those that are still alive once they had so long to end."""
    wanted, deadline = list(pids), time.monotonic() + seconds
    while (left := running(wanted)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left
