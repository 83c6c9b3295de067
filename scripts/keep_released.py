"""Keeps the databases of a version for the tests of later ones: run it at each release, from the release's own checkout.

Lives through one real drill in a home of its own and copies what it left: the journal of the swarm and the operations of the
MCP server.

    python scripts/keep_released.py 0.2.0
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "tests"
KEPT = {"overwatch.db": TESTS / "agents/durable/released/overwatch", "operations.db": TESTS / "mcp_tools/released/operations"}


def main() -> None:
    """Drill, and keep what it wrote."""
    if len(sys.argv) != 2:
        sys.exit("which version? for example: python scripts/keep_released.py 0.2.0")
    with tempfile.TemporaryDirectory(prefix="overwatch-release-") as home:
        program = [sys.executable, "-m", "overwatch_tui", "drill", "outage"]
        subprocess.run(program, env={**os.environ, "OVERWATCH_HOME": home}, check=True)
        for name, kept in KEPT.items():
            target = kept.with_name(f"{kept.name}-{sys.argv[1]}.db")
            if target.exists():
                sys.exit(f"{target} is there already: a released database is never written over")
            with closing(sqlite3.connect(Path(home) / name)) as database:
                database.execute("VACUUM INTO ?", (str(target),))
            print(target)


if __name__ == "__main__":
    main()
