"""A store on a file of this test's own, and the door to counting tools."""

from __future__ import annotations

import pytest
from durable_support import CountingTools

from agents.durable.effects import DurableEffects
from agents.durable.store import Store


@pytest.fixture
def tools() -> CountingTools:
    return CountingTools()


@pytest.fixture
async def store(tmp_path, clock):
    opened = await Store.open(tmp_path / "overwatch.db", exclusive=True, clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
def effects(store, tools, clock) -> DurableEffects:
    return DurableEffects(store=store, tools=tools, clock=clock)
