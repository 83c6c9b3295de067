"""Many operations, processes that die anywhere, answers that get lost: every operation at most once, traffic never empty."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from mcp_support import Killed, journal_that_dies_at

from overwatch_mcp.effect import revision_suffix
from overwatch_mcp.errors import ConflictError, LostError, NotDoneError

STEPS = ("before begin", "begin", "issued", "accepted", "before finish", "finish", "never", "never")
ERRORS = (LostError("reset"), ConflictError("busy"), NotDoneError("refused"))


def random_write(rng: random.Random):
    region = rng.choice(["east", "west"])
    share = rng.choice([0, 30, 50, 100])
    return rng.choice(
        [
            ("restart_service", {"region": region}),
            ("scale_service", {"region": region, "replicas": rng.randint(1, 5)}),
            ("deploy_container", {"region": region, "image": rng.choice(["mini-app:1", "mini-app:2", "mini-app:404"])}),
            ("switch_traffic", {"weights": {"east": share, "west": 100 - share}}),
        ]
    )


class Counting:
    """Counts the restarts that the platform really made for each operation."""

    def __init__(self, platform) -> None:
        self.restarts: Counter[str] = Counter()
        self.operation = ""
        honest = platform.restart

        async def restart(region: str, revision: str) -> None:
            before = platform.calls[f"restart {region}"]
            try:
                await honest(region, revision)
            finally:
                self.restarts[self.operation] += platform.calls[f"restart {region}"] - before

        platform.restart = restart


@pytest.mark.parametrize("seed", range(8))
async def test_every_operation_has_at_most_one_effect_and_traffic_is_never_empty(bench, seed):
    rng = random.Random(seed)
    counting = Counting(bench.platform)
    for number in range(25):
        operation_id = counting.operation = f"op-{number}"
        tool, arguments = random_write(rng)
        result = None
        while result is None:
            bench.anew(journal_that_dies_at(rng.choice(STEPS)))
            for method in ("restart", "deploy", "scale", "set_origin"):
                bench.platform.before[method] = [raising(rng.choice(ERRORS))] if rng.random() < 0.1 else []
                bench.platform.after[method] = [raising(LostError("reset"))] if rng.random() < 0.1 else []
            try:
                result = await bench.run(tool, operation_id, **arguments)
            except Killed:
                bench.clock.advance(rng.choice([0, 1, 30]))
        again = await bench.run(tool, operation_id, **arguments)
        assert again.status == result.status
        assert result.status in {"succeeded", "failed", "unknown"}
        if result.status == "succeeded" and tool == "switch_traffic":
            assert (await bench.platform.traffic()).weights == arguments["weights"]
        if result.status == "succeeded" and tool == "restart_service":
            assert counting.restarts[operation_id] == 1
    assert max(counting.restarts.values(), default=0) <= 1
    assert all(sum(step.values()) == 100 for step in bench.platform.history)
    for region in ("east", "west"):
        made = [name for name in bench.platform.known if name.startswith(f"demo-{region}--ow-")]
        assert {name.rpartition("--")[2] for name in made} <= {revision_suffix(f"op-{n}") for n in range(25)}


def raising(error: Exception):
    def fail() -> None:
        raise error

    return fail
