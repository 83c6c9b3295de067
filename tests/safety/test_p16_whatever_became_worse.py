"""Property 16: whatever became worse beside what was acted upon, and however much else is well, blocks success."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sentry_support import Station, World, target_settings
from tests_support import Build

from agents.settings import SentrySettings

FAST = SentrySettings(verify_timeout_s=4)


def set_(region, **changes):
    def harm(world):
        for name, value in changes.items():
            setattr(world.regions[region], name, value)

    return harm


HARMS = {
    "west health": set_("west", health=503),
    "west errors": set_("west", status=500),
    "west slow": set_("west", latency_ms=900),
    "west gone": set_("west", trouble="unreachable"),
    "west replicas": set_("west", ready=1),
    "south health": set_("south", health=503),
    "south errors": set_("south", status=500),
    "south slow": set_("south", latency_ms=900),
    "south gone": set_("south", trouble="unreachable"),
}


async def verified(*harms: str):
    """The outcome of a restart of East that helped, with harms beside it."""
    station = Station(FAST, targets={"demo": target_settings(), "other": target_settings("south", public=False, platform=False)})
    station.world = World(station.clock, "east", "west", "south")
    station.sentry = station.make()
    async with station:
        await station.clock.run(15)
        station.world.regions["east"].status = 503
        assert await station.until("incident.opened") is not None
        event = await station.carry_out(Build(station.clock).restart("east"), fault_class="crash")
        station.world.regions["east"].status = 200
        for name in harms:
            HARMS[name](station.world)
        return (await station.verify(event)).emit[0].data


@pytest.mark.parametrize("harm", HARMS)
async def test_p16_each_harm_alone_blocks_and_is_named(harm):
    data = await verified(harm)
    assert data.TYPE == "verification.failed"
    hurt = "west unharmed" if harm.startswith("west") else "other unharmed"
    assert {c.name for c in data.checks if not c.passed} == {hurt, "stable"}


@settings(max_examples=12, deadline=None)
@given(st.sets(st.sampled_from(sorted(HARMS)), max_size=4))
def test_p16_success_means_that_nothing_became_worse(harms):
    data = asyncio.run(verified(*sorted(harms)))
    assert (data.TYPE == "verification.passed") is (not harms)
