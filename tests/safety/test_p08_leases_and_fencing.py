"""Property 8: a lease has an epoch; who was overtaken can write no more, neither past the store nor past the server."""

from __future__ import annotations

import asyncio

import pytest
from platform_support import Bench, SteppedClock, WaitingClock, demo_config
from server_support import ServerTools
from sqlalchemy import select, update

from agents.durable import leases
from agents.durable import schema as s
from agents.durable.effects import DurableEffects
from agents.durable.store import Store
from agents.events import IncidentDiagnosed, IncidentEscalated, StrategyApproved, StrategyProposed
from agents.policy_settings import PolicySettings
from agents.seams import RetryLaterError


async def nothing_against():
    return None


async def move(effects, build, holder, *, step=0, back=False):
    action = build.failover()
    call, inverse = (action.inverse, action.call) if back else (action.call, action.inverse)
    return await effects.execute(
        call, operation=f"{holder}.s1:{step}", incident=holder, inverse=inverse, holder=holder, refuse=nothing_against
    )


class Site:
    """A swarm's door over the real server's parts, on one clock."""

    def __init__(self, store, bench, build) -> None:
        self.store, self.bench, self.build = store, bench, build
        self.clock = bench.clock
        self.tools = ServerTools(bench)
        policy = PolicySettings(max_switches=10)
        self.effects = DurableEffects(store=store, tools=self.tools, clock=WaitingClock(bench.clock), policy=policy)

    async def acting(self) -> None:
        """INC-1 is in the log, and is changing its target; a person decided."""
        build, plan = self.build, self.build.strategy()
        await self.store.open_incident(build.opened(), "Sentry", self.clock.now())
        await self.store.append(
            [
                build.event(IncidentDiagnosed(diagnosis=build.diagnosis())),
                build.event(StrategyProposed(strategy=plan)),
                build.event(StrategyApproved(strategy=plan, by="ada", reasons=())),
            ]
        )

    async def lease(self):
        return await self.store.database.run(lambda c: c.execute(select(s.lease)).first())

    async def tamper(self, **values) -> None:
        await self.store.database.run(lambda c: c.execute(update(s.lease).values(**values)))


@pytest.fixture
async def site(tmp_path, build):
    clock = SteppedClock()
    store = await Store.open(tmp_path / "overwatch.db", exclusive=True, clock=clock)
    bench = Bench(demo_config(tmp_path), clock)
    yield Site(store, bench, build)
    bench.close()
    await store.close()


async def test_p08_each_change_of_hands_raises_the_epoch_and_the_server_sees_it(site):
    for n in range(1, 4):
        site.clock.advance(61)
        assert (await move(site.effects, site.build, f"INC-{n}", back=n % 2 == 0)).status == "succeeded"
        assert (await site.lease()).epoch == n
    assert [arguments["epoch"] for arguments in site.tools.written] == [1, 2, 3]
    assert (await site.bench.workshop.summary("demo")).highest_epoch == 3


async def test_p08_the_server_refuses_the_write_of_a_holder_that_was_overtaken(site):
    await move(site.effects, site.build, "INC-1")
    site.clock.advance(400)
    await move(site.effects, site.build, "INC-2", back=True)
    before = dict(site.bench.platform.origins)
    late = await site.bench.run("switch_traffic", "INC-1.s1:1", epoch=1, weights={"east": 0, "west": 100})
    assert late.status == "refused"
    assert "epoch 1 is stale, 2 has acted" in late.error
    assert site.bench.platform.origins == before


async def test_p08_a_holder_that_was_overtaken_before_its_call_calls_nobody(site):
    await site.acting()
    site.tools.cut = "before"
    with pytest.raises(RetryLaterError):
        await move(site.effects, site.build, "INC-1")

    async def overtaken():
        await site.tamper(holder="INC-2", epoch=2)

    action = site.build.failover()
    with pytest.raises(RetryLaterError, match="taken over"):
        await site.effects.execute(
            action.call, operation="INC-1.s1:0", incident="INC-1", inverse=action.inverse, holder="INC-1", refuse=overtaken
        )
    assert site.tools.written == []


async def test_p08_the_same_lease_is_kept_by_its_holder_and_its_epoch_stays(site):
    await site.acting()
    await move(site.effects, site.build, "INC-1")
    first = await site.lease()
    site.clock.advance(200)
    await move(site.effects, site.build, "INC-1", step=1, back=True)
    later = await site.lease()
    assert (later.holder, later.epoch) == (first.holder, first.epoch)
    assert later.expires - first.expires == pytest.approx(200, abs=30)


async def test_p08_an_operation_that_has_not_ended_keeps_its_lease_also_when_a_person_was_called(site):
    await site.acting()
    site.tools.cut = "after"
    with pytest.raises(RetryLaterError):
        await move(site.effects, site.build, "INC-1")
    await site.store.append([site.build.event(IncidentEscalated(reason="somebody has to look"))])
    with pytest.raises(RetryLaterError, match="another incident is changing demo"):
        await move(site.effects, site.build, "INC-2", back=True)
    assert (await move(site.effects, site.build, "INC-1")).status == "succeeded"
    site.clock.advance(61)
    assert (await move(site.effects, site.build, "INC-2", back=True)).status == "succeeded"


async def test_p08_a_lease_is_renewed_while_a_long_operation_runs(site):
    await site.acting()
    write, seen = site.tools.write, []

    async def slow(tool, arguments):
        async with asyncio.timeout(10):
            for _ in range(12):
                site.clock.advance(50)
                lease = await site.lease()
                while lease.expires - site.clock.now().timestamp() < leases.LEASE_SECONDS - leases.RENEW_SECONDS:
                    lease = await site.lease()
                seen.append(lease.expires - site.clock.now().timestamp())
        return await write(tool, arguments)

    site.tools.write = slow
    began = site.clock.now()
    assert (await move(site.effects, site.build, "INC-1")).status == "succeeded"
    assert (site.clock.now() - began).total_seconds() > leases.LEASE_SECONDS
    assert min(seen) > 0
    assert (await site.lease()).epoch == 1


async def test_p08_a_lease_that_was_taken_over_is_not_renewed_by_who_lost_it(site):
    await site.acting()
    write = site.tools.write

    async def slow(tool, arguments):
        await site.tamper(holder="INC-2", epoch=2, expires=1.0)
        for _ in range(5):
            site.clock.advance(leases.RENEW_SECONDS)
            await site.lease()
        return await write(tool, arguments)

    site.tools.write = slow
    await move(site.effects, site.build, "INC-1")
    lease = await site.lease()
    assert (lease.holder, lease.epoch, lease.expires) == ("INC-2", 2, 1.0)


async def test_p08_a_database_of_an_older_day_is_not_locked_out_by_what_it_did_since(site):
    for n in range(1, 4):
        site.clock.advance(61)
        await move(site.effects, site.build, f"INC-{n}", back=n % 2 == 0)
    await site.store.database.run(lambda c: c.execute(s.lease.delete()))
    site.clock.advance(61)
    assert (await move(site.effects, site.build, "INC-4", back=True)).status == "succeeded"
    assert (await site.lease()).epoch == 4


@pytest.mark.parametrize("jump", [-3_600, 3_600])
async def test_p08_a_clock_that_jumps_gives_a_target_no_second_writer(site, jump):
    await site.acting()
    await move(site.effects, site.build, "INC-1")
    epoch = (await site.lease()).epoch
    site.clock.advance(jump)
    if jump < 0:
        with pytest.raises(RetryLaterError, match="another incident"):
            await move(site.effects, site.build, "INC-2", back=True)
        return
    await move(site.effects, site.build, "INC-2", back=True)
    assert (await site.lease()).epoch == epoch + 1
    late = await site.bench.run("switch_traffic", "late", epoch=epoch, weights={"east": 0, "west": 100})
    assert late.status == "refused"
