"""Takes each guard out, one at a time, and shows that its test goes red: `make mutants`, or `make mutants ARGS="--only p06"`.

The guards are listed in `tests/safety/mutants.toml`. Nothing is changed in this tree: the work is done in temporary copies.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "tests" / "safety" / "mutants.toml"
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "build", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis", "snapshots")
TEST_SECONDS = 60
RUN_SECONDS = 240
MOST_JOBS = 2
"""More at a time would make the tests wait for each other, and time-outs of theirs would look like guards that hold."""


class MutantListError(ValueError):
    """The list of guards does not fit the tree: a guard has moved, or a test is not there (any more). Mend the list."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One guard: where it is, what stands there without it, and the tests (node ids of pytest) of which one must go red."""

    property: str
    guard: str
    file: str
    find: str
    replace: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one mutant. `test` is the one that went red; `broken` means that no test ran at all."""

    property: str
    guard: str
    file: str
    status: Literal["red", "still green", "broken"]
    test: str
    seconds: float


def load(path: Path = LIST) -> tuple[Mutant, ...]:
    """The list. Raises MutantListError where an entry lacks something, has too much, or is there twice."""
    with path.open("rb") as file:
        entries = tomllib.load(file)["mutant"]
    mutants: list[Mutant] = []
    for n, entry in enumerate(entries, 1):
        try:
            mutants.append(Mutant(**{**entry, "tests": tuple(entry["tests"])}))
        except (TypeError, KeyError) as error:
            raise MutantListError(f"entry {n}, {entry.get('guard')!r}: {error}") from error
    guards = [mutant.guard for mutant in mutants]
    if twice := sorted({guard for guard in guards if guards.count(guard) > 1}):
        raise MutantListError(f"listed twice: {twice}")
    return tuple(mutants)


def without_guard(mutant: Mutant, root: Path = ROOT) -> str:
    """The text of the mutant's file without its guard.

    Raises MutantListError unless the guard is there exactly once and what is left is Python.
    """
    path = root / mutant.file
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if (count := text.count(mutant.find)) != 1:
        raise MutantListError(f"{mutant.guard!r}: {mutant.find!r} is {count} times in {mutant.file}, not once: list it anew")
    changed = text.replace(mutant.find, mutant.replace)
    try:
        same = ast.dump(ast.parse(text)) == ast.dump(ast.parse(changed))
    except SyntaxError as error:
        raise MutantListError(f"{mutant.guard!r}: without it {mutant.file} is no Python: {error}") from error
    if same:
        raise MutantListError(f"{mutant.guard!r}: {mutant.file} does the same without it")
    return changed


def check_tests(mutant: Mutant, root: Path = ROOT) -> None:
    """Raises MutantListError where a named test is not there."""
    if not mutant.tests:
        raise MutantListError(f"{mutant.guard!r} names no test")
    for node in mutant.tests:
        file, _, name = node.partition("::")
        path = root / file
        text = path.read_text(encoding="utf-8") if path.is_file() else None
        wanted = name.partition("[")[0].rpartition("::")[2]
        if text is None or (
            wanted and not re.search(rf"^ *(?:async def|def|class) {re.escape(wanted)}\b|^{wanted} = ", text, re.M)
        ):
            raise MutantListError(f"{mutant.guard!r}: there is no test {node!r}")


class Copy:
    """A copy of the tree, in which one guard at a time is taken out."""

    def __init__(self, folder: Path) -> None:
        self._root = folder / "tree"
        shutil.copytree(ROOT, self._root, ignore=LEFT_OUT)
        paths = [str(self._root / folder) for folder in (".", "mcp/tools", "tests/support")]
        self._environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        self._time = int(time.time())
        code = (
            "import agents, mini_app, overwatch_mcp as m, overwatch_tui as t\nfor x in agents, mini_app, m, t: print(x.__file__)"
        )
        found = subprocess.run(
            [sys.executable, "-c", code], cwd=self._root, env=self._environment, capture_output=True, text=True, check=True
        )
        if strange := [path for path in found.stdout.split() if not path.startswith(str(self._root))]:
            raise MutantListError(f"the tests would run {strange}, not the copy in {str(self._root)!r}")

    @contextlib.contextmanager
    def without(self, mutant: Mutant) -> Iterator[None]:
        """The copy without the guard, and with it again afterwards."""
        path = self._root / mutant.file
        whole = path.read_text(encoding="utf-8")
        self._write(path, without_guard(mutant, self._root))
        try:
            yield
        finally:
            self._write(path, whole)

    def _write(self, path: Path, text: str) -> None:
        """Each text gets a time of its own: Python knows compiled modules by size and whole second."""
        path.write_text(text, encoding="utf-8")
        self._time += 2
        os.utime(path, (self._time, self._time))

    def test(self, tests: Sequence[str], *more: str, seconds: float = RUN_SECONDS) -> tuple[int | None, str]:
        """Run tests; pytest's exit status (None where it had to be ended) and what it printed."""
        options = ("-q", "-p", "no:cacheprovider", "-p", "mutant_profile", f"--timeout={TEST_SECONDS}", "--tb=line", *more)
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd=self._root,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said, _ = process.communicate()
            return None, said
        return process.returncode, said


def judge(mutant: Mutant, copy: Copy) -> Result:
    """Take the guard out of the copy and run its tests."""
    start = time.monotonic()
    with copy.without(mutant):
        status, said = copy.test(mutant.tests, "-x", "-n0")
    failed = re.search(r"^FAILED (\S+)", said, re.MULTILINE)
    if status == 1 and failed is not None:
        return Result(mutant.property, mutant.guard, mutant.file, "red", failed[1], time.monotonic() - start)
    word: Literal["still green", "broken"] = "still green" if status == 0 else "broken"
    last = "" if status == 0 else said.strip().rpartition("\n")[2]
    return Result(mutant.property, mutant.guard, mutant.file, word, last, time.monotonic() - start)


def judge_all(mutants: Sequence[Mutant], jobs: int) -> Iterator[Result]:
    """The results in the order of the list, after the same tests were green with every guard in its place."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(jobs) as pool:
        copies: queue.SimpleQueue[Copy] = queue.SimpleQueue()
        for n in range(jobs):
            (Path(folder) / str(n)).mkdir()
            copies.put(Copy(Path(folder) / str(n)))
        every = sorted({test for mutant in mutants for test in mutant.tests})
        _say(f"with every guard in its place: {len(every)} tests or files …")
        first = copies.get()
        status, said = first.test(every, f"-n{jobs}", "--dist=loadgroup", seconds=RUN_SECONDS * 4)
        copies.put(first)
        if status != 0:
            raise MutantListError(f"the tests are red before any guard is taken out:\n{said[-4000:]}")
        _say(said.strip().rpartition("\n")[2])

        def one(mutant: Mutant) -> Result:
            copy = copies.get()
            try:
                return judge(mutant, copy)
            finally:
                copies.put(copy)

        yield from pool.map(one, mutants)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _line(n: int, of: int, result: Result) -> str:
    sign = "red ✓" if result.status == "red" else f"{result.status.upper()} ✗"
    test = result.test.removeprefix("tests/").removeprefix("safety/")
    first = f"{n:3}/{of} {result.property}  {sign}  {result.guard}  [{result.file}]"
    return f"{first}\n{'':8}  {test or 'no test noticed'}  {result.seconds:.0f} s"


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="mutants", description=__doc__, epilog='example: make mutants ARGS="--only p06 --only p11"'
    )
    parser.add_argument("--only", action="append", default=[], metavar="P", help="a property (p06), or words of a guard")
    parser.add_argument("--list", action="store_true", help="show the guards and their tests, run nothing")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout, the progress on stderr")
    parser.add_argument("--jobs", type=int, default=MOST_JOBS, choices=range(1, MOST_JOBS + 1), help="mutants at a time")
    return parser.parse_args(argv)


def chosen(mutants: Sequence[Mutant], only: Sequence[str]) -> tuple[Mutant, ...]:
    """The mutants of the named properties, or whose guard has the words. Raises MutantListError where there are none."""
    if not only:
        return tuple(mutants)
    found = tuple(m for m in mutants if any(word == m.property or word.lower() in m.guard.lower() for word in only))
    if not found:
        raise MutantListError(f"no guard is listed for {list(only)!r}: --list shows all")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Judge the mutants; 0 where each of them was noticed, 1 where one was not, 2 where the list does not fit."""
    asked = _arguments(argv)
    try:
        mutants = chosen(load(), asked.only)
        for mutant in mutants:
            without_guard(mutant)
            check_tests(mutant)
        if asked.list:
            _show(mutants, as_json=asked.json)
            return 0
        start, results = time.monotonic(), []
        for result in judge_all(mutants, asked.jobs):
            results.append(result)
            print(_line(len(results), len(mutants), result), file=sys.stderr if asked.json else sys.stdout, flush=True)
    except MutantListError as error:
        _say(f"mutants: {error}")
        return 2
    survivors = [result for result in results if result.status != "red"]
    summary: Mapping[str, Any] = {
        "mutants": len(results),
        "red": len(results) - len(survivors),
        "survivors": len(survivors),
        "properties": len({result.property for result in results}),
        "seconds": round(time.monotonic() - start, 1),
    }
    if asked.json:
        print(json.dumps({**summary, "results": [asdict(result) for result in results]}, indent=2))
    else:
        print(", ".join(f"{value} {name}" for name, value in summary.items()))
        for result in survivors:
            print(f"{result.status.upper()}: {result.property} {result.guard} [{result.file}]")
    return 1 if survivors else 0


def _show(mutants: Sequence[Mutant], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([asdict(mutant) for mutant in mutants], indent=2))
        return
    for mutant in mutants:
        print(f"{mutant.property}  {mutant.guard}  [{mutant.file}]\n     {', '.join(mutant.tests)}")


if __name__ == "__main__":
    sys.exit(main())
