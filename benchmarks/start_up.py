"""How long a person waits: `--help`, the first paint, six agents live; and what peers take for the same in the same run.

Printed, never asserted. Usage: python benchmarks/start_up.py [--runs N]
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

from terminal import Terminal  # noqa: E402 - the test's terminal, found through the line above

BIN = Path(sys.executable).parent


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    bare = _times(lambda: _run([sys.executable, "-c", "pass"]), runs)
    typer = _times(lambda: _run([sys.executable, "-c", _BARE_TYPER]), runs)
    own = _times(lambda: _run([str(BIN / "overwatch-tui"), "--help"]), runs)
    print(f"python -c pass                 {_shown(bare)}")
    print(f"a bare Typer program --help    {_shown(typer)}")
    print(f"overwatch-tui --help           {_shown(own)}  {_ratio(own, typer)}")
    paints, lives = [], []
    for _ in range(runs):
        paint, live = _launch()
        paints.append(paint)
        lives.append(live)
    textual = [_bare_textual() for _ in range(runs)]
    print(f"a bare Textual program paints  {_shown(textual)}")
    print(f"launch: first paint            {_shown(paints)}  {_ratio(paints, textual)}")
    print(f"launch: six agents live        {_shown(lives)}")


def _shown(seconds: list[float]) -> str:
    return f"median {statistics.median(seconds) * 1000:6.0f} ms  (min {min(seconds) * 1000:.0f}, max {max(seconds) * 1000:.0f})"


def _ratio(own: list[float], peer: list[float]) -> str:
    return f"{statistics.median(own) / statistics.median(peer):.2f} × the bare program"


def _times(work: Callable[[], None], runs: int) -> list[float]:
    work()
    out = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        out.append(time.perf_counter() - began)
    return out


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _environment(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OVERWATCH_")}
    return kept | {"OVERWATCH_HOME": str(home), "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}


def _launch() -> tuple[float, float]:
    home = Path(tempfile.mkdtemp(prefix="overwatch-bench-"))
    began = time.perf_counter()
    terminal = Terminal([str(BIN / "overwatch-tui"), "launch"], columns=120, rows=40, environment=_environment(home), cwd=home)
    try:
        terminal.wait_for(lambda text: "OVERWATCH" in text, 30, "the first paint")
        paint = time.perf_counter() - began
        terminal.wait_for(lambda text: len(re.findall(r"\b(?:idle|working)\b", text)) >= 6, 30, "six agents")
        live = time.perf_counter() - began
        terminal.press("q")
        terminal.wait_end(15)
    finally:
        terminal.close()
        shutil.rmtree(home, ignore_errors=True)
    return paint, live


def _bare_textual() -> float:
    home = Path(tempfile.mkdtemp(prefix="overwatch-bench-"))
    began = time.perf_counter()
    terminal = Terminal([sys.executable, "-c", _BARE_TEXTUAL], columns=120, rows=40, environment=_environment(home), cwd=home)
    try:
        terminal.wait_for(lambda text: "PAINTED" in text, 30, "the first paint")
        paint = time.perf_counter() - began
        terminal.press("q")
        terminal.wait_end(15)
    finally:
        terminal.close()
        shutil.rmtree(home, ignore_errors=True)
    return paint


_BARE_TYPER = """
import sys, typer
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
@app.command()
def one(): ...
@app.command()
def two(): ...
sys.argv = ["bare", "--help"]
try:
    app()
except SystemExit:
    pass
"""

_BARE_TEXTUAL = """
from textual.app import App
from textual.widgets import DataTable, Static
class Bare(App):
    BINDINGS = [("q", "quit", "Quit")]
    def compose(self):
        yield Static("PAINTED")
        yield DataTable()
Bare().run()
"""

if __name__ == "__main__":
    main()
