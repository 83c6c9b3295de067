"""Starts the control room without the console script: the same as `overwatch-tui launch`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from overwatch_tui.cli import main

if __name__ == "__main__":
    sys.argv = [sys.argv[0], "launch", *sys.argv[1:]]
    main()
