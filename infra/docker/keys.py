"""Makes the secrets of this installation at its first start, into volumes: none is ever in an image.

Without an argument those of the swarm, the MCP server and the demo, readable by their user alone; with `FILE` the one in that
file, which every user of a container that has the volume may read.
"""  # noqa: INP001

import os
import secrets
import sys
from pathlib import Path


def make(path: Path, mode: int = 0o600) -> None:
    """Make the secret in a file where there is none; a file is whole or not there."""
    if path.exists():
        return
    partial = path.with_suffix(".part")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32))
    partial.replace(path)


if sys.argv[1:]:
    make(Path(sys.argv[1]), 0o644)
else:
    make(Path("/run/overwatch/mcp.token"))
    make(Path("/run/chaos/token"))
    make(Path("/run/overwatch/approval.key"))
