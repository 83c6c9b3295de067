"""Runs the Azure CLI: an argument list without a shell, JSON out, in bounded time and space."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from overwatch_mcp.azure_errors import BUSY_CODES, RIGHTS
from overwatch_mcp.config import AzureTraffic
from overwatch_mcp.errors import ConflictError, DeniedError, LostError, MissingError, NotDoneError, PlatformError, ThrottledError
from overwatch_mcp.plain_text import plain

OUTPUT_BYTES, ERROR_BYTES = 8 << 20, 64 << 10
"""The most that is read of what it prints; no answer that is meant for us is longer."""
BURIAL_SECONDS = 5.0
"""How long a killed process may take to be gone."""

_PASSED_ON = ("AZURE_", "IDENTITY_", "MSI_", "SSL_CERT_", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_NEEDED = frozenset({"HOME", "PATH", "USER", "LOGNAME", "TMPDIR", "SYSTEMROOT", "USERPROFILE"})
_SECRET = ("SECRET", "PASSWORD")
_OWN = {
    "AZURE_CORE_COLLECT_TELEMETRY": "0",
    "AZURE_CORE_NO_COLOR": "1",
    "AZURE_CORE_DISABLE_PROGRESS_BAR": "1",
    "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",
    "LC_ALL": "C.UTF-8",
}

_CODE = re.compile(
    r'^(?:ERROR: )?\(([A-Za-z]\w{2,80})\)|^Code: ([A-Za-z]\w{2,80})\s*$|"code": ?"([A-Za-z]\w{2,80})"', re.MULTILINE
)
_STATUS = re.compile(r"^ERROR: ([A-Z][A-Za-z -]{1,40})\(\{|invalid status(?: code)? '([A-Za-z -]{2,40})'", re.MULTILINE)
_STATUSES = {status.phrase: status.value for status in HTTPStatus}
_THROTTLED = frozenset({"TooManyRequests", "SubscriptionRequestsThrottled", "ResourceRequestsThrottled", "OperationsThrottled"})
_NO_LOGIN = frozenset({"AuthenticationFailed", "ExpiredAuthenticationToken", "Unauthorized"})
_NO_RIGHT = frozenset({"AuthorizationFailed", "LinkedAuthorizationFailed", "Forbidden"})
_MISSING = frozenset({"NotFound", "ParentResourceNotFound", "ResourceGroupNotFound", "ResourceNotFound", "SubscriptionNotFound"})
_REJECTED = frozenset({"BadRequest", "MissingSubscriptionRegistration", "RequestDisallowedByPolicy", "ScopeLocked"})


class AzCli:
    """The Azure CLI of this machine, logged in already."""

    def __init__(self, traffic: AzureTraffic, environment: Mapping[str, str], ca_file: Path | None) -> None:
        self._program = traffic.az
        self._seconds = traffic.az_timeout_s
        self._environment = az_environment(environment, ca_file)

    async def run(self, words: Sequence[str], what: str) -> Any:
        """The JSON that a command prints, None where it prints nothing. `what` says what was tried, for the text.

        Raises:
            PlatformError: As for the SDK: a command that did not end in time is killed with all that it started, and what became
                of its request is unknown.
        """
        process = await self._start((*words, "-o", "json", "--only-show-errors"), what)
        try:
            async with asyncio.timeout(self._seconds):
                out, err = await asyncio.gather(_read(process.stdout, OUTPUT_BYTES), _read(process.stderr, ERROR_BYTES))
                status = await process.wait()
        except TimeoutError:
            raise LostError(f"{what}: az did not end within {self._seconds:.0f} s and was killed") from None
        finally:
            await _bury(process)
        if status != 0:
            raise az_error(status, err.decode("utf-8", "replace"), what)
        if len(out) >= OUTPUT_BYTES:
            raise LostError(f"{what}: az printed more than {OUTPUT_BYTES >> 20} MiB")
        try:
            return json.loads(out) if out.strip() else None
        except (ValueError, RecursionError) as error:
            raise LostError(f"{what}: what az printed is no JSON: {plain(out[:100].decode('utf-8', 'replace'))!r}") from error

    async def _start(self, words: Sequence[str], what: str) -> asyncio.subprocess.Process:
        """Start it whole or not at all: a start that is cancelled half-way leaves its process behind, and may wait for ever."""
        starting = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                self._program,
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self._environment,
                start_new_session=True,
            )
        )
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.wait({starting})
            if starting.exception() is None:
                await _bury(starting.result())
            raise
        except OSError as error:
            raise NotDoneError(
                f"{what}: can't run {self._program!r} ({error.strerror}): install the Azure CLI, name it in traffic.az, or "
                'set traffic.via = "sdk"'
            ) from error


def az_environment(environment: Mapping[str, str], ca_file: Path | None) -> dict[str, str]:
    """What the CLI is told: where it lies and is logged in, proxies and certificates. It needs no secret, so it gets none."""
    passed = {
        name: value
        for name, value in environment.items()
        if (name.upper() in _NEEDED or name.upper().startswith(_PASSED_ON)) and not any(word in name.upper() for word in _SECRET)
    }
    trusted = {} if ca_file is None else {"REQUESTS_CA_BUNDLE": str(ca_file)}
    return {**passed, **trusted, **_OWN}


def az_error(exit_status: int, printed: str, what: str) -> PlatformError:
    """What the CLI's words and exit status say about the effect; where they say nothing that is known, nobody knows."""
    text = f"{what}: az: {plain(printed.removeprefix('ERROR: ').strip() or f'exit status {exit_status}', 400)}"
    status, code = _said(printed)
    if status == 401 or re.search(r"\baz login\b|\bAADSTS\d+", printed) or code in _NO_LOGIN or code.startswith("InvalidAuth"):
        return DeniedError(f"{text}; run `az login` as the user that runs this server")
    if status == 403 or code in _NO_RIGHT:
        return DeniedError(f"{text}; {RIGHTS}")
    if status == 404 or code in _MISSING or exit_status == 3:
        return MissingError(f"{text}; check the names in the configuration")
    if status == 429 or code in _THROTTLED:
        return ThrottledError(text, None)
    if status is not None and (status >= 500 or status == 408):
        return LostError(text)
    if status == 409 or code in BUSY_CODES:
        return ConflictError(text)
    if status is not None or code in _REJECTED or code.startswith("Invalid") or exit_status == 2:
        return NotDoneError(text)
    return LostError(text)


def _said(printed: str) -> tuple[int | None, str]:
    """The HTTP status and the Resource Manager's code among the CLI's words; None and empty where there is none."""
    phrase, found = _STATUS.search(printed), _CODE.search(printed)
    status = None if phrase is None else _STATUSES.get((phrase[1] or phrase[2]).strip().title())
    return status, "" if found is None else found[1] or found[2] or found[3]


async def _read(stream: asyncio.StreamReader | None, most: int) -> bytes:
    """All of a stream, of which the beginning is kept: a writer that nobody reads from would never end."""
    kept = bytearray()
    while stream is not None and (part := await stream.read(1 << 16)):
        kept += part[: most - len(kept)]
    return bytes(kept)


async def _bury(process: asyncio.subprocess.Process) -> None:
    """Make sure that nothing of it is left that could still act, neither itself nor what it started and left behind."""
    streams = [stream for stream in (process.stdout, process.stderr) if stream is not None]
    if process.returncode is not None and all(stream.at_eof() for stream in streams):
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(BURIAL_SECONDS):
            await asyncio.gather(process.wait(), *(_read(stream, 0) for stream in streams))
