"""Variables for logging in that come from a file: what a person's hand needs as much as the server that the swarm starts."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from overwatch_mcp.errors import ConfigError

_ALLOWED = ("AZURE_", "IDENTITY_", "MSI_")
_VARIABLES = TypeAdapter(dict[str, str])


def take_logins(path: Path | None, environment: MutableMapping[str, str]) -> None:
    """Add the variables of a file, a JSON object of texts, to those that are not set.

    Raises:
        ConfigError: The file can't be read, others may read it too, or it names a variable that is not for logging in.
    """
    if path is None:
        return
    where = f"login_file {str(path)!r}"
    try:
        mode, found = path.stat().st_mode, _VARIABLES.validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"can't read {where} ({error.strerror}): correct it, or leave it out") from error
    except ValidationError:
        raise ConfigError(f"{where} is no JSON object of texts: correct it, or leave it out") from None
    if mode & 0o077:
        raise ConfigError(f"{where} can be read by others: `chmod 600` it")
    for name, value in found.items():
        if not name.startswith(_ALLOWED):
            raise ConfigError(f"{where} sets {name!r}: it may set {', '.join(f'{one}…' for one in _ALLOWED)} alone")
        environment.setdefault(name, value)
