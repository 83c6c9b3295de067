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
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "support")]

from checks import Ledger  # noqa: E402 - found through the lines above
from drills import DRILLS, Tally, UnderFire, program_of  # noqa: E402
from processes import children_of, running  # noqa: E402
from worlds import Cloud, Shop, home_environment  # noqa: E402

EACH_RANDOM = 8


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill the swarm, and see whether anything is lost, done twice or stuck.")
    parser.add_argument("--kills", type=int, default=200, help="kills at least (default: 200)")
    parser.add_argument("--seed", type=int, default=20_261_125, help="of the random moments")
    parser.add_argument("--minutes", type=float, default=40, help="begin no new drill after this (default: 40)")
    parser.add_argument("--drill", choices=[drill.name for drill in DRILLS], action="append", help="only these drills")
    parser.add_argument("--random", action="store_true", help="at random moments alone, not at every commit boundary")
    parser.add_argument("--keep", action="store_true", help="keep the home, and say where it is")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="overwatch-chaos-"))
    try:
        return held(given, folder)
    finally:
        if given.keep:
            say(f"kept {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def held(given: argparse.Namespace, folder: Path) -> int:
    """Hold the campaign in a folder; the exit status."""
    began = time.monotonic()
    shop = Shop(folder / "shop")
    environment = home_environment(folder, shop)
    home = Path(environment["OVERWATCH_HOME"])
    program, ledger = program_of(environment, folder), Ledger(home / "overwatch.db")
    fire = UnderFire(program, (Cloud("demo", home / "demo"), shop), ledger, say)
    stuck = ""
    try:
        hold(given, fire, folder, lambda: time.monotonic() - began > given.minutes * 60)
        program.start()
        program.end()
    except AssertionError as error:
        stuck = str(error) or type(error).__name__
    finally:
        if program.process is not None and program.process.poll() is None:
            program.process.terminate()
            program.process.wait(60)
        shop.end()
    left = fire.left_behind() + running(children_of(os.getpid()))
    return summary(fire.tallies, ledger, stuck, left, time.monotonic() - began, given.kills)


def hold(given: argparse.Namespace, fire: UnderFire, folder: Path, late: Callable[[], bool]) -> None:
    """Each drill at every boundary, from both sides; then at random moments until there were kills enough."""
    moments = random.Random(given.seed)
    drills = [drill for drill in DRILLS if not given.drill or drill.name in given.drill]
    for drill, side in itertools.product(drills, () if given.random else ("before", "after")):
        if not late():
            fire.at_every_boundary(drill, side, folder)
    for drill in itertools.cycle(drills):
        left = given.kills - sum(t.kills + t.tool_kills for t in fire.tallies)
        if late() or (left <= 0 and any("random" in t.how for t in fire.tallies)):
            return
        fire.at_random(drill, moments, EACH_RANDOM)


def summary(tallies: list[Tally], ledger: Ledger, stuck: str, left: list[int], seconds: float, wanted: int) -> int:
    """Print what it came to; the exit status."""
    print(f"\n{'drill':<10} {'killed':<20} {'kills':>5} {'of the tools':>12} {'incidents':>9} {'paged':>5} {'seconds':>7}")
    for t in tallies:
        print(f"{t.drill:<10} {t.how:<20} {t.kills:>5} {t.tool_kills:>12} {t.incidents:>9} {t.paged:>5} {t.seconds:>7.0f}")
    kills = sum(t.kills + t.tool_kills for t in tallies)
    wrong = [fault for t in tallies for fault in t.wrong]
    effects = sum(t.effects for t in tallies)
    incidents = sum(t.incidents for t in tallies)
    print(f"\n{kills} kills, {incidents} incidents, {ledger.events} events, {effects} effects, {seconds:.0f} s")
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
