"""The real server with two regions in memory behind it, for tests of the protocol. Started by tests, never imported by them."""

from __future__ import annotations

import sys
from pathlib import Path

from overwatch_mcp import workshop
from overwatch_mcp.azure_mcp_server import main

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
import platform_support as fakes


def platforms(_config, clock):
    platform = fakes.FakePlatform(clock)
    platform.start_seconds = 0.0
    return fakes.FakePlatforms(platform)


if __name__ == "__main__":
    workshop.Platforms = platforms
    sys.exit(main())
