"""Property 13: recovery is itself a load: few replicas at a time, starts spread by chance, few targets at once."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from docker_support import FakeEngine
from platform_support import SteppedClock
from sqlalchemy import select

from agents.durable import schema as s
from agents.durable.effects import DurableEffects
from agents.events import IncidentDiagnosed, IncidentOpened, StrategyApproved, StrategyProposed
from agents.facts import Action, Call
from agents.policy_settings import PolicySettings
from agents.seams import RetryLaterError
from overwatch_mcp.config import DockerTarget
from overwatch_mcp.docker_platform import DockerPlatform

REPLICAS = 5


@pytest.fixture
def engine() -> FakeEngine:
    made = FakeEngine()
    made.looks_until_well = 3
    for number in range(1, REPLICAS + 1):
        labels = {"overwatch.project": "demo", "overwatch.region": "west", "com.docker.compose.container-number": str(number)}
        made.run(f"demo_west_{number}", "mini-app:1", labels)
    return made


class Watched:
    """A platform whose engine tells how many containers serve whenever it changes one, and whose clock tells its pauses."""

    def __init__(self, engine: FakeEngine, *, max_unavailable: int, jitter_s: float = 1.0, seed: int = 7) -> None:
        self.engine = engine
        self.serving: list[int] = []
        self.pauses: list[float] = []
        self.clock = SteppedClock()
        sleep = self.clock.sleep

        async def noted(seconds: float) -> None:
            self.pauses.append(seconds)
            await sleep(seconds)

        self.clock.sleep = noted
        engine.after = lambda name: self.serving.append(self._well()) if name == "restart" else None
        target = DockerTarget.model_validate(
            {
                "platform": "docker",
                "project": "demo",
                "regions": {"west": {"service": "west"}},
                "images": ["mini-app:"],
                "limits": {"max_unavailable": max_unavailable, "start_jitter_s": jitter_s},
            }
        )
        self.platform = DockerPlatform("demo", target, self.clock, lambda: engine, Random(seed))

    def _well(self) -> int:
        return sum(one["State"].get("Health", {}).get("Status") == "healthy" for one in self.engine.world.values())

    async def restart(self) -> None:
        state = await self.platform.service("west")
        await self.platform.restart("west", state.revision)
        await self.platform.close()

    @property
    def starts(self) -> list[float]:
        """The pauses between starts; the looks of half a second are none."""
        return [pause for pause in self.pauses if pause != 0.5]


@pytest.mark.parametrize("max_unavailable", [1, 2, 3])
async def test_p13_a_restart_leaves_all_but_max_unavailable_replicas_serving(engine, max_unavailable):
    watched = Watched(engine, max_unavailable=max_unavailable)
    await watched.restart()
    assert engine.changes["restart"] == REPLICAS
    assert min(watched.serving) == REPLICAS - max_unavailable


async def test_p13_however_many_are_allowed_one_goes_on_serving(engine):
    watched = Watched(engine, max_unavailable=50)
    await watched.restart()
    assert min(watched.serving) == 1


async def test_p13_starts_are_spread_by_chance_and_the_same_seed_spreads_them_alike(engine):
    first = Watched(engine, max_unavailable=1, jitter_s=2.0)
    await first.restart()
    assert len(first.starts) == REPLICAS - 1
    assert len(set(first.starts)) == REPLICAS - 1
    assert all(0 <= pause <= 2.0 for pause in first.starts)
    again = Watched(engine, max_unavailable=1, jitter_s=2.0)
    await again.restart()
    other = Watched(engine, max_unavailable=1, jitter_s=2.0, seed=8)
    await other.restart()
    assert again.starts == first.starts != other.starts


async def test_p13_new_containers_are_started_apart_as_well(engine):
    watched = Watched(engine, max_unavailable=1, jitter_s=2.0)
    await watched.platform.deploy("west", "mini-app:2", "ow-1")
    await watched.platform.close()
    assert len(watched.starts) == REPLICAS - 1


async def acting_on(store, build, target):
    """An incident of a target that is being changed, and the door's arguments for its restart."""
    opened = build.opened().model_copy(update={"target": target})
    event = await store.open_incident(IncidentOpened.model_validate(opened.model_dump()), "Sentry", build.clock.now())
    call = Call(tool="restart_service", target=target, region="east")
    action = Action(kind="restart_service", call=call, harmless=True)
    plan = build.strategy(action, id=f"{event.incident}.s1", target=target, fault_class="crash")
    for n, payload in enumerate(
        (
            IncidentDiagnosed(diagnosis=build.diagnosis("crash")),
            StrategyProposed(strategy=plan),
            StrategyApproved(strategy=plan, by="policy", reasons=()),
        )
    ):
        await store.append([build.event(payload, incident=event.incident, id_=f"{event.incident}:{n}")])
    return call, event.incident


async def execute(effects, call, incident):
    async def nothing_against():
        return None

    return await effects.execute(
        call, operation=f"{incident}.s1:0", incident=incident, inverse=None, holder=incident, refuse=nothing_against
    )


@pytest.mark.parametrize("most", [1, 2, 3])
async def test_p13_under_a_burst_at_most_max_concurrent_targets_are_acted_upon(store, tools, clock, build, most):
    effects = DurableEffects(store=store, tools=tools, clock=clock, policy=PolicySettings(max_concurrent=most))
    burst = [await acting_on(store, build, f"shop-{n}") for n in range(6)]
    results = await asyncio.gather(*(execute(effects, *one) for one in burst), return_exceptions=True)
    waiting = [r for r in results if isinstance(r, RetryLaterError)]
    assert len(tools.world) == most
    assert len(waiting) == 6 - most
    assert all(not r.counted and f"policy.max_concurrent is {most}" in str(r) for r in waiting)
    assert len(await store.database.run(lambda c: c.execute(select(s.intent)).all())) == most


async def test_p13_who_waited_has_its_turn_when_another_target_is_done(store, tools, clock, build):
    effects = DurableEffects(store=store, tools=tools, clock=clock, policy=PolicySettings(max_concurrent=1))
    first, second = [await acting_on(store, build, f"shop-{n}") for n in range(2)]
    await execute(effects, *first)
    with pytest.raises(RetryLaterError, match="shop-0 are being changed"):
        await execute(effects, *second)
    incident = await store.incident(first[1])
    done = build.finished(incident).model_copy(update={"status": "failed"})
    await store.append([build.event(done, incident=first[1], id_="done")])
    with pytest.raises(RetryLaterError, match="shop-0 are being changed"):
        await execute(effects, *second)
    rolled = {"strategy": incident.strategy.id, "complete": True, "summary": "nothing to undo"}
    from agents.events import RollbackFinished

    await store.append([build.event(RollbackFinished(**rolled), incident=first[1], id_="rolled")])
    assert (await execute(effects, *second)).status == "succeeded"


async def test_p13_a_target_that_is_being_changed_does_not_wait_for_itself(store, tools, clock, build):
    effects = DurableEffects(store=store, tools=tools, clock=clock, policy=PolicySettings(max_concurrent=1))
    call, incident = await acting_on(store, build, "shop-0")
    await execute(effects, call, incident)
    again = await effects.execute(
        call, operation=f"{incident}.s1:1", incident=incident, inverse=None, holder=incident, refuse=_none
    )
    assert again.status == "succeeded"


async def _none():
    return None
