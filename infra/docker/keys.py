"""Makes the secrets of this installation at its first start, into volumes, readable by one user: none is ever in an image."""  # noqa: INP001

import os
import secrets
from pathlib import Path


def make(path: Path) -> str:
    """The secret in a file, made where there is none."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii")
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secret := secrets.token_hex(32))
    return secret


make(Path("/run/overwatch/mcp.token"))
make(Path("/run/chaos/token"))
key = make(Path("/run/overwatch/approval.key"))
mine = Path("/var/lib/overwatch/approval.key")
if not mine.exists():
    mine.touch(mode=0o600)
    mine.write_text(key, encoding="ascii")
