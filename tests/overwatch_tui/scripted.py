"""A swarm that follows a script: the real seam, no infrastructure. Run as a module, it plays an incident in the room."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from threading import Lock

from agents.events import AutomationArmed, AutomationPaused, Event
from agents.telemetry import AgentState, RegionSample, Telemetry, Thought, UsersSample
from overwatch_tui.bridge.seam import TargetInfo
from overwatch_tui.chaos import ChaosFault
from overwatch_tui.state.models import AGENTS
from tests.overwatch_tui import story

DEMO = TargetInfo("demo", ("east", "west"), has_chaos=True, is_demo=True, faults=("degrade", "outage", "recover", "crash"))
SHOP = TargetInfo("shop", ("north", "south"), has_chaos=True, is_demo=False, faults=("degrade", "outage", "recover"))
PLAIN = TargetInfo("plain", ("one",), has_chaos=False, is_demo=False, faults=())


class ScriptedSwarm:
    """Records every command, publishes what it is told to, and answers at once."""

    read_only = False
    me = "anna"

    def __init__(self, *, targets: Sequence[TargetInfo] = (DEMO,), past: Sequence[Event] = ()) -> None:
        self.commands: list[tuple[object, ...]] = []
        self.bindings: list[str] = []
        self.past = list(past)
        self.refuse: Exception | None = None
        self.crash: Exception | None = None
        self._targets = targets
        self._lock = Lock()
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._telemetry: Telemetry | None = None

    async def run(self, telemetry: Telemetry, ready: Callable[[], None]) -> None:
        self._loop, self._stop, self._telemetry = asyncio.get_running_loop(), asyncio.Event(), telemetry
        for name in AGENTS:
            telemetry.publish(AgentState(name, "starting", story.at(0)))
        ready()
        for state in story.agent_states():
            telemetry.publish(state)
        telemetry.publish(story.swarm_state())
        for target in self._targets:
            for region in target.regions:
                telemetry.publish(story.region_sample(region, 20, target=target.name, traffic=100 // len(target.regions)))
        await self.live()
        if self.crash is not None:
            raise self.crash

    async def live(self) -> None:
        assert self._stop is not None
        await self._stop.wait()

    def stop(self) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)

    def publish(self, *items: object) -> None:
        assert self._telemetry is not None
        for item in items:
            self._telemetry.publish(item)  # type: ignore[arg-type]

    async def history(self) -> Sequence[Event]:
        return self.past

    def targets(self) -> Sequence[TargetInfo]:
        return self._targets

    def decide(self, approval: str, approved: bool, reason: str, confirm: str = "", binding: str = "") -> Future[str]:
        self.bindings.append(binding)
        said = (approval, approved, reason, *((confirm,) if confirm else ()))
        return self._done(f"{approval} {'approved' if approved else 'rejected'}", "decide", *said)

    def pause(self, reason: str) -> Future[str]:
        return self._done("automation is paused", "pause", reason)

    def arm(self) -> Future[str]:
        return self._done("automation is armed", "arm")

    def force_failover(self, target: str, region: str) -> Future[str]:
        return self._done(f"failover of {target} to {region} is on its way", "failover", target, region)

    def chaos(self, target: str, region: str, fault: ChaosFault) -> Future[str]:
        return self._done(f"{region}: {fault.name}", "chaos", target, region, fault.name)

    def _done(self, text: str, *command: object) -> Future[str]:
        with self._lock:
            self.commands.append(command)
        future: Future[str] = Future()
        if self.refuse is not None:
            future.set_exception(self.refuse)
        else:
            future.set_result(text)
        return future


class LiveScript(ScriptedSwarm):
    """Plays the story at its own pace: breaks on `o` or `d`, asks, and goes on when a person approves."""

    def __init__(self) -> None:
        super().__init__()
        self._broken = self._moved = False
        self._decided: asyncio.Event | None = None
        self._number = 6

    async def run(self, telemetry: Telemetry, ready: Callable[[], None]) -> None:
        self._loop, self._stop, self._telemetry = asyncio.get_running_loop(), asyncio.Event(), telemetry
        self._decided = asyncio.Event()
        for name in AGENTS:
            telemetry.publish(AgentState(name, "starting", now()))
        ready()
        for name in AGENTS:
            await asyncio.sleep(0.15)
            telemetry.publish(AgentState(name, "idle", now()))
        telemetry.publish(story.swarm_state())
        watching = asyncio.create_task(self._watch(telemetry))
        await self._stop.wait()
        watching.cancel()

    async def _watch(self, telemetry: Telemetry) -> None:
        n = 0
        while True:
            n += 1
            east = story.region_sample("east", 0, broken=self._broken, traffic=0 if self._moved else 100, n=n)
            west = story.region_sample("west", 0, traffic=100 if self._moved else 0, n=n + 5)
            users = story.users_sample(0, broken=self._broken and not self._moved, n=n, region="west" if self._moved else "east")
            for sample in (east, west, users):
                telemetry.publish(dated(sample))
            await asyncio.sleep(1)

    def chaos(self, target: str, region: str, fault: ChaosFault) -> Future[str]:
        self._broken = fault.name != "recover"
        if self._broken and self._loop is not None:
            self._loop.call_soon_threadsafe(lambda: asyncio.ensure_future(self._play()))
        else:
            self._moved = False
        return super().chaos(target, region, fault)

    def decide(self, approval: str, approved: bool, reason: str, confirm: str = "", binding: str = "") -> Future[str]:
        if self._loop is not None and self._decided is not None:
            self._loop.call_soon_threadsafe(self._decided.set)
        return super().decide(approval, approved, reason, confirm, binding)

    def pause(self, reason: str) -> Future[str]:
        self.publish(Event(id=f"p{now()}", source="anna", data=AutomationPaused(by="anna", reason=reason), time=now()))
        return super().pause(reason)

    def arm(self) -> Future[str]:
        self.publish(Event(id=f"a{now()}", source="anna", data=AutomationArmed(by="anna"), time=now()))
        return super().arm()

    async def _play(self) -> None:
        self._number += 1
        incident = f"INC-{self._number}"
        assert self._decided is not None
        self._decided.clear()
        for event in story.told(*story.RESOLVED, incident=incident):
            await asyncio.sleep(1.2)
            if event.type == "approval.decided":
                await self._decided.wait()
            if event.type == "action.finished":
                self._moved = True
            self.publish(event.model_copy(update={"time": now()}))
            if event.type in {"incident.opened", "incident.diagnosed"}:
                thought = story.thoughts()[0 if event.type == "incident.opened" else 1]
                for word in thought.text.split(" "):
                    await asyncio.sleep(0.03)
                    self.publish(Thought(thought.agent, incident, word + " ", thought.source, now()))
                self.publish(Thought(thought.agent, incident, "", thought.source, now(), done=True))


def now() -> datetime:
    return datetime.now(UTC)


def dated(sample: RegionSample | UsersSample) -> RegionSample | UsersSample:
    from dataclasses import replace

    return replace(sample, at=now())


def main() -> None:
    from overwatch_tui.app import OverwatchApp

    theme = sys.argv[1] if len(sys.argv) > 1 else "dark"
    app = OverwatchApp(
        LiveScript, theme=theme, ascii_only="--ascii" in sys.argv, keymap={}, read_only="--read-only" in sys.argv, clock=now
    )
    app.run()


if __name__ == "__main__":
    main()
