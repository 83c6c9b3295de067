"""The real server with a journal that kills its process at the step named by DIE_AT: `before begin`, `begin`, `issued`,
`accepted`, `before finish` or `finish`. Started by tests, never imported by them.
"""

from __future__ import annotations

import os
import signal
import sys

from overwatch_mcp.azure_mcp_server import main
from overwatch_mcp.journal import Journal


class DyingJournal(Journal):
    """Ends the process as `kill -9` does, with nothing flushed and nobody told."""

    async def begin(self, entry, limit=None):
        die("before begin")
        overtaken = await super().begin(entry, limit)
        die("begin")
        return overtaken

    async def accepted(self, operation_id, at, continuation=None):
        die("issued")
        await super().accepted(operation_id, at, continuation)
        die("accepted")

    async def finish(self, result, at):
        die("before finish")
        await super().finish(result, at)
        die("finish")


def die(step: str) -> None:
    if os.environ.get("DIE_AT") == step:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(open_journal=DyingJournal))
