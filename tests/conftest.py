"""What all tests share. Nothing here reaches beyond loopback."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta

import pytest
from tests_support import Build

for _name in ("NO_COLOR", "TEXTUAL_THEME", "FORCE_COLOR", "OVERWATCH_HOME", "OVERWATCH_CONFIG"):
    os.environ.pop(_name, None)


def _loopback_alone(event: str, arguments: tuple) -> None:
    """An audit hook: no test reaches beyond this machine."""
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = str(arguments[1][0])
        if not host.startswith("127.") and host not in {"localhost", "::1"}:
            raise PermissionError(f"a test wanted to reach {host!r}: only loopback is allowed")


sys.addaudithook(_loopback_alone)


GROUPS = {"mcp_tools": "cloud", "chaos": "chaos", "test_killed": "chaos", "test_storage_faults": "chaos", "test_calm": "calm"}
"""Where tests with real processes go that are not beside the others, by a part of their name."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with real processes come one after another in few workers, so that they don't make each other slow.

    Those of the MCP server share a world of their own, those that kill mostly wait, and calm is a minute of waiting: they
    go beside the others, in groups of their own.
    """
    for item in items:
        if item.get_closest_marker("processes") is not None:
            group = next((group for part, group in GROUPS.items() if part in item.nodeid), "processes")
            item.add_marker(pytest.mark.xdist_group(group))


class FakeClock:
    """A clock that stands still until it is moved; `sleep` moves it."""

    def __init__(self, start: datetime | None = None) -> None:
        self.time = start or datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def build(clock: FakeClock) -> Build:
    return Build(clock)
