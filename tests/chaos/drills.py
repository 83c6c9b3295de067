"""One drill under fire: two targets break at once, the swarm is killed again and again, and all of it still ends well."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from checks import Ledger, succeeded
from killed_support import Program
from processes import children_of, left_after
from tally import Drill, StuckError, Tally
from worlds import Cloud

DYING = Path(__file__).with_name("dying_run.py")
STUCK_SECONDS = 240
QUIET_SECONDS = 4.0
"""How long a program that meets no new boundary must live, all done, before its drill is over."""


class UnderFire:
    """Holds one drill after the other in one home."""

    def __init__(self, program: Program, clouds: Sequence[Cloud], ledger: Ledger, say: Callable[[str], None]) -> None:
        self._program, self._clouds, self._ledger, self._say = program, clouds, ledger, say
        self._effects: dict[tuple[str, str], int] = {}
        self.tallies: list[Tally] = []
        """Of every drill, also of one that broke off."""
        self.servers: set[int] = set()
        """Every process that a swarm started and that must be gone in the end."""

    def at_every_boundary(self, drill: Drill, side: str, folder: Path, most: int = 1_000) -> None:
        """Kill right before, or right after, each commit that the drill makes, once each; at most so often."""
        hit = folder / f"{drill.name}-{side}.hit"
        arms = {"CHAOS_SIDE": side, "CHAOS_HIT": str(hit)}
        tally = self._tally(drill, f"{side} each commit")
        self._hold(drill, tally, lambda: self._program.start(**(arms if tally.kills < most else {})), lambda: None)

    def at_random(self, drill: Drill, moments: random.Random, most: int) -> None:
        """Kill the swarm, and now and then the MCP server alone, at random moments."""
        tally = self._tally(drill, "at random moments")
        due = time.monotonic() + moments.uniform(0.3, 5)

        def shoot() -> None:
            nonlocal due
            if tally.kills + tally.tool_kills >= most or time.monotonic() < due:
                return
            due = time.monotonic() + moments.uniform(0.3, 6)
            servers = [pid for pid in children_of(self._program.process.pid) if b"overwatch_mcp" in _command(pid)]
            if servers and moments.random() < 0.25:
                os.kill(servers[0], signal.SIGKILL)
                tally.tool_kills += 1
                return
            self._program.process.send_signal(signal.SIGKILL)
            self._program.process.wait()

        self._hold(drill, tally, self._program.start, shoot)

    def _tally(self, drill: Drill, how: str) -> Tally:
        self.tallies.append(Tally(drill.name, how))
        return self.tallies[-1]

    def _hold(self, drill: Drill, tally: Tally, start: Callable[[], None], shoot: Callable[[], None]) -> None:
        began = time.monotonic()
        before = {id_ for id_, _ in self._incidents()}
        start()
        self._until(lambda: self._alive(tally, start) and all(cloud.well() for cloud in self._clouds), "both clouds to be well")
        regions = {cloud: cloud.serving() for cloud in self._clouds}
        for cloud, region in regions.items():
            cloud.inject(region, drill.fault, **drill.parameters)
        answered: dict[str, int] = {}
        broken, over_since = True, 0.0
        moved = time.monotonic()
        while True:
            if not self._alive(tally, start):
                moved = time.monotonic()
            if time.monotonic() - moved > STUCK_SECONDS:
                raise StuckError(f"{drill.name} {tally.how}: {self._incidents()} for {STUCK_SECONDS} s")
            shoot()
            self._ledger.watch()
            self._answer(drill, answered)
            mine = {id_: status for id_, status in self._incidents() if id_ not in before}
            enough = len(mine) >= len(self._clouds)
            if broken and enough and set(mine.values()) <= {"resolved", "escalated"}:
                tally.paged += sum(status == "escalated" for status in mine.values())
                for cloud, region in regions.items():
                    cloud.inject(region, "recover")
                broken, moved = False, time.monotonic()
            done = enough and not broken and set(mine.values()) == {"resolved"} and self._program.process.poll() is None
            over_since = (over_since or time.monotonic()) if done else 0.0
            if done and time.monotonic() - over_since > QUIET_SECONDS:
                break
            time.sleep(0.15)
        tally.incidents = len(mine)
        tally.seconds = time.monotonic() - began
        self._program.kill()  # its demo goes on, with its counters, and is taken over by the next
        tally.kills += 1
        tally.wrong += [*self._ledger.faults(), *self._twice(tally)]
        self._say(f"{drill.name} {tally.how}: {tally.kills} kills, {tally.incidents} incidents, {tally.seconds:.0f} s")

    def _twice(self, tally: Tally) -> list[str]:
        """What really happened to the worlds, beside what the log says was done."""
        wrong = []
        for cloud in self._clouds:
            for tool, really in (("switch_traffic", cloud.switches()), ("restart_service", cloud.restarts())):
                told = succeeded(self._ledger.path, tool, cloud.name)
                tally.effects += really - self._effects.get((cloud.name, tool), 0)
                self._effects[cloud.name, tool] = really
                if really != told:
                    wrong.append(f"{tool} on {cloud.name} really happened {really} times, the log says {told}")
        return wrong

    def _alive(self, tally: Tally, start: Callable[[], None]) -> bool:
        """Whether the program lives; where it was killed, it is counted, the log is looked at, and it is started again."""
        code = self._program.process.poll()
        self.servers.update(pid for pid in children_of(self._program.process.pid) if b"overwatch_mcp" in _command(pid))
        if code is None:
            return True
        if code != -signal.SIGKILL:
            raise StuckError(f"the program ended by itself with status {code}: read its run.log")
        tally.kills += 1
        tally.wrong += self._ledger.faults()
        if tally.kills % 10 == 0:
            self._say(f"  {tally.drill} {tally.how}: {tally.kills} kills so far")
        start()
        return False

    def _answer(self, drill: Drill, answered: dict[str, int]) -> None:
        for id_, approval in self._asking():
            if approval in answered:
                continue
            said = sum(1 for known in answered if known.startswith(f"{id_}-"))
            if said < drill.rejects:
                done = self._program.command("reject", id_, "--reason", "not this one")
            else:
                done = self._program.command("approve", id_)
            if done.returncode == 0:
                answered[approval] = 1

    def _asking(self) -> list[tuple[str, str]]:
        return self._query(
            "SELECT i.id, a.id FROM incident i JOIN approval a ON a.incident = i.id "
            "WHERE i.status = 'awaiting' AND a.decided IS NULL"
        )

    def _incidents(self) -> list[tuple[str, str]]:
        return self._query("SELECT id, status FROM incident")

    def _query(self, sql: str) -> list[tuple[str, str]]:
        with contextlib.suppress(sqlite3.OperationalError):
            return self._program.query(sql)
        return []

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + STUCK_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                raise StuckError(f"waited {STUCK_SECONDS} s for {what}")
            time.sleep(0.1)

    def left_behind(self) -> list[int]:
        """The processes of swarms that are still there, after a while to end."""
        return left_after(30, self.servers)


def program_of(environment: dict[str, str], folder: Path) -> Program:
    """The program that dies where it is told to."""
    return Program(environment, folder, entry=(str(DYING),))


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
