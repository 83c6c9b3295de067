"""The one bearer token of a server without an OAuth issuer: from a file that may be rotated, or from the environment."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import secrets
import stat
from collections.abc import MutableMapping, Sequence
from pathlib import Path

from mcp.server.auth.provider import AccessToken

from overwatch_mcp.errors import ConfigError

logger = logging.getLogger(__name__)

TOKEN_VARIABLE = "OVERWATCH_MCP_TOKEN"  # noqa: S105 - the name of a variable
SHORTEST = 32
LONGEST = 4096
_SHAPE = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)
"""What RFC 6750 lets a bearer token be made of."""

Stamp = tuple[int, int, int, int]


class FixedToken:
    """A token that stays the same for as long as the process lives. Implements the SDK's `TokenVerifier`."""

    def __init__(self, token: str, scopes: Sequence[str], where: str) -> None:
        """Raises ConfigError where the token is too short or holds what no header may."""
        self._digest = _digest(_checked(token, where))
        self._scopes = list(scopes)

    async def verify_token(self, token: str) -> AccessToken | None:
        """Who calls, or None where the token is another."""
        if not hmac.compare_digest(self._digest, _digest(token)):
            return None
        return AccessToken(token="", client_id="bearer", scopes=self._scopes)


class TokenFile:
    """The token in a file, read anew when the file changes: write the new one beside it and rename it over the old.

    While the file can't be used, nobody is let in.
    """

    def __init__(self, path: Path, scopes: Sequence[str]) -> None:
        """Make the file where there is none. Raises ConfigError where it can't be made or used."""
        self._path = path
        self._scopes = scopes
        if not path.exists():
            _make(path)
        self._stamp = _stamp(path)
        self._held: FixedToken | None = FixedToken(_read(path), scopes, _named(path))

    async def verify_token(self, token: str) -> AccessToken | None:
        """Who calls, or None where the token is not the file's."""
        self._refresh()
        return None if self._held is None else await self._held.verify_token(token)

    def _refresh(self) -> None:
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._held = FixedToken(_read(self._path), self._scopes, _named(self._path))
        except ConfigError as error:
            self._held = None
            logger.error("nobody is let in: %s", error)  # noqa: TRY400 - the text is for whoever configures
        else:
            logger.info("the token in %s has changed", _named(self._path))


def from_environment(environment: MutableMapping[str, str], scopes: Sequence[str]) -> FixedToken:
    """The token of OVERWATCH_MCP_TOKEN, which is taken out, so that no child process inherits it.

    Raises:
        ConfigError: It is not set, or can't be used.
    """
    token = environment.pop(TOKEN_VARIABLE, "")
    if not token:
        raise ConfigError(f"no bearer token: pass --token-file FILE (made where there is none) or set {TOKEN_VARIABLE}")
    return FixedToken(token, scopes, TOKEN_VARIABLE)


def _checked(token: str, where: str) -> str:
    if not SHORTEST <= len(token) <= LONGEST:
        raise ConfigError(
            f"the token in {where} has {len(token)} characters: take {SHORTEST} to {LONGEST} of them, chosen at random, "
            "such as `openssl rand -hex 32` prints"
        )
    if not _SHAPE.fullmatch(token):
        raise ConfigError(f"the token in {where} holds characters that no bearer token has: take letters, digits and ._~+/-")
    return token


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _named(path: Path) -> str:
    return repr(str(path))


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            content = file.read(LONGEST + 2)
    except OSError as error:
        raise ConfigError(f"can't read the token file {_named(path)}: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"the token file {_named(path)} is not a file: name one")
    if found.st_mode & 0o077:
        raise ConfigError(
            f"the token file {_named(path)} has mode {stat.S_IMODE(found.st_mode):04o}, so that others may read it: chmod 600"
        )
    if found.st_uid not in {os.geteuid(), 0}:
        raise ConfigError(f"the token file {_named(path)} belongs to user {found.st_uid}: make it your own")
    return content.decode("ascii", "surrogateescape").strip()


def _make(path: Path) -> None:
    try:
        folder = path.parent.stat()
    except OSError as error:
        raise ConfigError(f"can't make the token file {_named(path)}: {error.strerror}: make its folder, mode 0700") from error
    if folder.st_uid != os.geteuid() or folder.st_mode & 0o022:
        raise ConfigError(
            f"no token file is made in {_named(path.parent)}, which is not yours alone to write: take a folder that is, or make "
            f"{_named(path)} yourself, mode 0600"
        )
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
    except OSError as error:
        raise ConfigError(f"can't make the token file {_named(path)}: {error.strerror}") from error
    logger.info("made the token file %s", _named(path))
