"""`python -m overwatch_tui` and the console script `overwatch-tui`."""

from overwatch_tui.cli import main

if __name__ == "__main__":
    main()

__all__ = ["main"]
