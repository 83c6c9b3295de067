"""Loopback: what belongs to it, and that it is never reached through a proxy, whatever the environment says."""

from __future__ import annotations

from collections.abc import MutableMapping
from ipaddress import ip_address

LOOPBACK = ("127.0.0.1", "localhost")


def spare_loopback(environment: MutableMapping[str, str]) -> None:
    """Add loopback to the addresses without a proxy. Both spellings, because the lower-case one wins where both are set."""
    for name in ("no_proxy", "NO_PROXY"):
        listed = [host for host in environment.get(name, environment.get("NO_PROXY", "")).split(",") if host]
        environment[name] = ",".join(dict.fromkeys([*listed, *LOOPBACK]))


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
