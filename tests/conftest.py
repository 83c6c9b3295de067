"""What all tests share. Nothing here reaches beyond loopback."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta

import pytest
from tests_support import Build

for _name in ("NO_COLOR", "TEXTUAL_THEME", "FORCE_COLOR", "OVERWATCH_HOME", "OVERWATCH_CONFIG"):
    os.environ.pop(_name, None)


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
