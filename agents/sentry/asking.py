"""One bounded HTTP request to something that may be broken or hostile, and what it met."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, Protocol

from agents.sanitize import clean
from agents.seams import Clock

if TYPE_CHECKING:
    import aiohttp

SMALL = 64 * 1024
"""Bytes of a health document or of a user's answer that are read."""
LARGE = 5 * 1024 * 1024
"""Bytes of a metrics page that are read."""

Trouble = Literal["", "timeout", "unreachable", "broken"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What one request met. `status` is None where no valid answer came, and `trouble` says why.

    `latency_ms` is to the last byte that was read. `body` is raw text from outside: parse it, never show it. `region` and
    `replica` are who says to have answered. `complete` is False where there was more than was read.
    """

    at: datetime
    latency_ms: float
    status: int | None = None
    trouble: Trouble = ""
    detail: str = ""
    region: str | None = None
    replica: str = ""
    content_type: str = ""
    body: str = ""
    complete: bool = True

    @property
    def ok(self) -> bool:
        """Whether it was answered below 400, as health checks count it."""
        return self.status is not None and self.status < 400


class Transport(Protocol):
    """What asks. A stand-in in tests has this interface."""

    async def get(self, url: str, *, limit: int, timeout_s: float) -> Asked:
        """Ask once; never raises for what the network or the other side does."""
        ...

    async def close(self) -> None:
        """Let go of the connections; a later `get` opens new ones."""
        ...


class HttpTransport:
    """Implements `Transport` with one aiohttp session: no redirects, no cookies, no decompression, bounded bodies."""

    def __init__(self, clock: Clock, stopwatch: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._stopwatch = stopwatch
        self._session: aiohttp.ClientSession | None = None

    async def get(self, url: str, *, limit: int, timeout_s: float) -> Asked:
        """Ask once. A connection that can't be made in nine tenths of the time is unreachable, a late answer is a time-out."""
        import aiohttp  # noqa: PLC0415 - heavy: only what probes pays for it

        at = self._clock.now()
        start = self._stopwatch()

        def met(trouble: Trouble, detail: str) -> Asked:
            return Asked(at, (self._stopwatch() - start) * 1_000, None, trouble, detail)

        timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=timeout_s * 0.9)
        try:
            async with self._open().get(url, timeout=timeout, allow_redirects=False) as response:
                body, complete = await _read(response, limit)
                return Asked(
                    at,
                    (self._stopwatch() - start) * 1_000,
                    response.status,
                    detail=_phrase(response.status),
                    region=_header(response, "x-region"),
                    replica=_header(response, "x-replica") or "",
                    content_type=response.content_type,
                    body=body,
                    complete=complete,
                )
        except aiohttp.ConnectionTimeoutError:
            return met("unreachable", f"no connection within {timeout_s * 0.9:.1f} s")
        except TimeoutError:
            return met("timeout", f"no answer within {timeout_s:.1f} s")
        except (aiohttp.ClientConnectionError, OSError) as error:
            return met("unreachable", _connection_trouble(error))
        except (aiohttp.ClientError, ValueError, EOFError) as error:
            return met("broken", f"no valid answer: {clean(error, 120) or type(error).__name__}")

    async def close(self) -> None:
        """Close the session."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp  # noqa: PLC0415 - heavy: only what probes pays for it

        if self._session is None or self._session.closed:
            connector = aiohttp.TCPConnector(limit=512, ttl_dns_cache=30, keepalive_timeout=30)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                headers={"User-Agent": "overwatch-sentry", "Accept-Encoding": "identity"},
            )
        return self._session


async def _read(response: aiohttp.ClientResponse, limit: int) -> tuple[str, bool]:
    """At most `limit` bytes as text, and whether that was all of it."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            return b"".join(chunks)[:limit].decode("utf-8", "replace"), False
    return b"".join(chunks).decode("utf-8", "replace"), True


def _header(response: aiohttp.ClientResponse, name: str) -> str | None:
    value = response.headers.get(name)
    return None if value is None else clean(value, 63)


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase.lower()}"
    except ValueError:
        return str(status)


def _connection_trouble(error: Exception) -> str:
    cause = getattr(error, "os_error", None) or error
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused"
    if isinstance(cause, asyncio.IncompleteReadError):
        return "connection closed"
    name = type(error).__name__
    known = {
        "ClientConnectorDNSError": "the name does not resolve",
        "ClientConnectorCertificateError": "the certificate is not valid",
        "ClientConnectorSSLError": "TLS failed",
        "ServerDisconnectedError": "connection closed without an answer",
    }
    return known.get(name) or clean(getattr(cause, "strerror", None) or cause, 120) or name
