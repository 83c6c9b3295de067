"""The line that an alert waits for: it comes while the swarm works, and only then."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime

import pytest

from agents.durable.errors import DurableError
from agents.telemetry import AgentState
from overwatch_tui.cli.log_lines import LogLines
from overwatch_tui.cli.run import _beating
from overwatch_tui.wiring import NotRunningError
from tests.overwatch_tui import story


class Beaten:
    """As much of the hosted swarm as a heartbeat sees. Ends when `until` beats were asked for."""

    def __init__(self, *, says: bool = True, until: int = 2) -> None:
        self.asked = 0
        self.fail_at: set[int] = set()
        self.failure: Exception = DurableError("the disk is full")
        self._says = says
        self._until = until
        self._enough = asyncio.Event()

    async def run(self, telemetry, ready):
        ready()
        for state in story.agent_states():
            telemetry.publish(state)
        telemetry.publish(AgentState("Logistics", "down", story.NOW, "boom"))
        if self._says:
            telemetry.publish(story.swarm_state(automation="paused"))
            await self._enough.wait()
        else:
            await asyncio.sleep(0)

    async def incidents(self) -> int:
        self.asked += 1
        if self.asked > self._until:
            self._enough.set()
        if self.asked in self.fail_at:
            raise self.failure
        return 3


async def beaten(swarm, *, json_lines: bool) -> None:
    log = LogLines(json_lines=json_lines, closed=lambda: pytest.fail("nobody closed it"))
    await asyncio.wait_for(_beating(swarm, log, 0.001), 5)


async def test_a_heartbeat_as_json_says_how_all_stands(capsys):
    await beaten(Beaten(), json_lines=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    first, *_ = beats = [line for line in lines if line.get("type") == "heartbeat"]
    assert len(beats) >= 2
    assert (first["status"], first["incidents"], first["kind"]) == ("paused", 3, "heartbeat")
    assert first["agents"] == {state.agent: "idle" for state in story.agent_states()} | {"Logistics": "down"}
    assert datetime.fromisoformat(first["at"]).tzinfo is not None


async def test_a_heartbeat_for_people_is_one_short_line(capsys):
    await beaten(Beaten(), json_lines=False)
    beat = next(line for line in capsys.readouterr().out.splitlines() if " heartbeat " in line)
    assert beat.split(" ", 1)[1] == "heartbeat status=paused incidents=3 agents=5/6"


async def test_before_the_swarm_has_said_how_it_stands_there_is_no_heartbeat(capsys):
    swarm = Beaten(says=False)
    await beaten(swarm, json_lines=True)
    assert swarm.asked == 0
    assert "heartbeat" not in capsys.readouterr().out


@pytest.mark.parametrize("failure", [DurableError("the disk is full"), NotRunningError("the swarm is not up")])
async def test_a_log_that_can_not_be_read_is_no_sign_of_life_and_the_next_beat_may_be(capsys, failure):
    swarm = Beaten(until=2)
    swarm.fail_at, swarm.failure = {1}, failure
    await beaten(swarm, json_lines=False)
    assert capsys.readouterr().out.count(" heartbeat ") == swarm.asked - 1


async def test_an_error_that_nobody_expects_is_not_kept_secret(capsys):
    swarm = Beaten(until=0)
    swarm.fail_at, swarm.failure = {1}, KeyError("boom")
    with pytest.raises(KeyError, match="boom"):
        await beaten(swarm, json_lines=False)
