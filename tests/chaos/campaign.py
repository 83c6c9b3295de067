"""`make chaos`: kill -9 at every commit boundary and at random moments, over drills with two incidents at once.

Prints a summary; the exit status is 0 only where no event was lost, no effect happened twice, nothing was stuck and nothing left.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "support")]

from checks import Ledger  # noqa: E402 - found through the lines above
from core import CoreUnderFire  # noqa: E402
from drills import UnderFire, program_of  # noqa: E402
from processes import children_of, running  # noqa: E402
from tally import DRILLS, Tally  # noqa: E402
from worlds import Cloud, Shop, home_environment  # noqa: E402

CORE_RANDOM, REAL_RANDOM = 20, 10


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Kill the swarm, and see whether anything is lost, done twice or stuck.",
        epilog="First the durable core alone, at every commit boundary from both sides and at random moments (about a minute); "
        "then the real program with its demo, a second target and its MCP server, at random moments (about 8 s a kill).",
    )
    parser.add_argument("--kills", type=int, default=270, help="kills at least (default: 270)")
    parser.add_argument("--seed", type=int, default=20_261_125, help="of the random moments")
    parser.add_argument("--minutes", type=float, default=20, help="begin no new drill after this (default: 20)")
    parser.add_argument("--drill", choices=[drill.name for drill in DRILLS], action="append", help="only these drills")
    parser.add_argument("--core", action="store_true", help="the durable core alone")
    parser.add_argument("--real-boundaries", action="store_true", help="the real program at every commit, too (an hour)")
    parser.add_argument("--keep", action="store_true", help="keep the folder, and say where it is")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="overwatch-chaos-"))
    try:
        return Campaign(given, folder).hold()
    finally:
        if given.keep:
            say(f"kept {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


class Campaign:
    """One campaign in a folder of its own."""

    def __init__(self, given: argparse.Namespace, folder: Path) -> None:
        self._given, self._folder = given, folder
        self._began = time.monotonic()
        self._moments = random.Random(given.seed)
        self._drills = [drill for drill in DRILLS if not given.drill or drill.name in given.drill]
        self._tallies: list[Tally] = []
        self._events = 0
        self._left: list[int] = []

    def hold(self) -> int:
        """Hold it and print what it came to; the exit status."""
        stuck = ""
        try:
            self._core()
            if not self._given.core:
                self._real()
        except (AssertionError, KeyboardInterrupt) as error:
            stuck = str(error) or type(error).__name__
        self._left += running(children_of(os.getpid()))
        return summary(self._tallies, self._events, stuck, self._left, time.monotonic() - self._began, self._given.kills)

    @property
    def _late(self) -> bool:
        return time.monotonic() - self._began > self._given.minutes * 60

    @property
    def _enough(self) -> bool:
        return sum(t.kills + t.tool_kills for t in self._tallies) >= self._given.kills

    def _core(self) -> None:
        fire = CoreUnderFire(self._folder, say)
        try:
            for drill, side in itertools.product(self._drills, ("before", "after")):
                fire.at_every_boundary(drill, side)
            for drill in self._drills:
                fire.at_random(drill, self._moments, CORE_RANDOM)
        finally:
            self._tallies += fire.tallies
            self._events += fire.ledger.events

    def _real(self) -> None:
        shop = Shop(self._folder / "shop")
        environment = home_environment(self._folder, shop)
        home = Path(environment["OVERWATCH_HOME"])
        program, ledger = program_of(environment, self._folder), Ledger(home / "overwatch.db")
        fire = UnderFire(program, (Cloud("demo", home / "demo"), shop), ledger, say)
        core = self._tallies
        try:
            for drill, side in itertools.product(self._drills if self._given.real_boundaries else (), ("before", "after")):
                if not self._late:
                    fire.at_every_boundary(drill, side, self._folder)
            for n, drill in enumerate(itertools.cycle(self._drills)):
                self._tallies = core + fire.tallies
                if self._late or (self._enough and n >= len(self._drills)):
                    break
                fire.at_random(drill, self._moments, REAL_RANDOM)
            program.start()
            program.end()
        finally:
            self._tallies = core + fire.tallies
            self._events += ledger.events
            if program.process is not None and program.process.poll() is None:
                program.process.terminate()
                program.process.wait(60)
            shop.end()
            self._left += fire.left_behind()


def summary(tallies: list[Tally], events: int, stuck: str, left: list[int], seconds: float, wanted: int) -> int:
    """Print what it came to; the exit status."""
    print(f"\n{'drill':<10} {'killed':<26} {'kills':>5} {'of the tools':>12} {'incidents':>9} {'paged':>5} {'seconds':>7}")
    for t in tallies:
        print(f"{t.drill:<10} {t.how:<26} {t.kills:>5} {t.tool_kills:>12} {t.incidents:>9} {t.paged:>5} {t.seconds:>7.0f}")
    kills = sum(t.kills + t.tool_kills for t in tallies)
    wrong = [fault for t in tallies for fault in t.wrong]
    effects = sum(t.effects for t in tallies)
    incidents = sum(t.incidents for t in tallies)
    print(f"\n{kills} kills, {incidents} incidents, {events} events, {effects} effects, {seconds:.0f} s")
    verdicts = {
        "no event lost, the chain whole, each incident the fold of its events": not wrong,
        "no effect twice: the world counts what the log says": not any("really happened" in fault for fault in wrong),
        "no incident stuck": not stuck,
        "no process left behind": not left,
        f"at least {wanted} kills": kills >= wanted,
    }
    for sentence, holds in verdicts.items():
        print(f"{'ok  ' if holds else 'FAIL'} {sentence}")
    for fault in [*wrong, *([stuck] if stuck else []), *(f"process {pid} is still there" for pid in left)]:
        print(f"     {fault}")
    return 0 if all(verdicts.values()) else 1


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
