"""Serves the MCP server over streamable HTTP: opens the door, and closes it without cutting off what is under way."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, MutableMapping
from types import FrameType
from typing import Any

import uvicorn
from mcp.server import MCPServer
from mcp.server.auth.provider import TokenVerifier
from uvicorn.protocols.http.h11_impl import H11Protocol

from overwatch_mcp.bearer_jwt import JwtVerifier
from overwatch_mcp.bearer_keys import IssuerKeys
from overwatch_mcp.bearer_scopes import ScopeGuard
from overwatch_mcp.bearer_token import TokenFile, from_environment
from overwatch_mcp.clock import Clock
from overwatch_mcp.errors import ConfigError
from overwatch_mcp.http_app import PATH, make_app
from overwatch_mcp.http_options import HttpOptions
from overwatch_mcp.loopback import is_loopback
from overwatch_mcp.workshop import DRAIN_SECONDS, Workshop

logger = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 75
"""Longer than clients keep a connection, so that they close it: a request that meets a closing server is lost."""
LAST_ANSWERS_SECONDS = 3
"""From the end of the last operation to the end of the connections that wait for its answer."""
HEADER_BYTES = 32 * 1024
BACKLOG = 128


async def serve_http(server: MCPServer[Any], workshop: Workshop, options: HttpOptions) -> None:
    """Serve until a signal comes; then refuse what is new and see through what is under way.

    Raises:
        ConfigError: There is no token, or the address, the certificate or the issuer can't be used.
    """
    verifier, close = _verifier(options, os.environ, workshop.clock)
    server.middleware.append(ScopeGuard(server, options.scopes))
    try:
        with _bound(options) as listening:
            port = listening.getsockname()[1]
            app, gate = make_app(server, options, port, verifier, workshop.clock)
            stopping: list[asyncio.Task[None]] = []
            door = _Door(_config(app, options), lambda: stopping.append(asyncio.create_task(stop(), name="stop")))

            async def stop() -> None:
                logger.info("asked to stop")
                gate.close()
                await workshop.operations.drain(DRAIN_SECONDS)
                door.should_exit = True

            scheme = "http" if options.certificate is None else "https"
            if not is_loopback(options.host) and options.certificate is None:
                logger.warning("tokens cross the network in the clear: let a proxy or --tls-certificate keep them secret")
            logger.info("serving %s://%s:%d%s", scheme, options.host, port, PATH)
            await door.serve(sockets=[listening])
    finally:
        await close()


def _verifier(
    options: HttpOptions, environment: MutableMapping[str, str], clock: Clock
) -> tuple[TokenVerifier, Callable[[], Awaitable[None]]]:
    both = (options.scopes.read, options.scopes.write)
    if options.issuer is not None:
        keys = IssuerKeys(options.issuer.url, clock)
        return JwtVerifier(options.issuer.url, options.issuer.audience, keys), keys.close
    if options.token_file is not None:
        return TokenFile(options.token_file, both), _nothing
    return from_environment(environment, both), _nothing


async def _nothing() -> None:
    pass


def _bound(options: HttpOptions) -> socket.socket:
    """A socket that is known to be TCP: asyncio switches Nagle's algorithm off for no other, and it costs 40 ms an answer."""
    listening = None
    try:
        found = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
        return listening
    except OSError as error:
        if listening is not None:
            listening.close()
        raise ConfigError(f"can't listen on {options.host!r} port {options.port}: {error.strerror or error}") from error


def _config(app: Any, options: HttpOptions) -> uvicorn.Config:
    class Protocol(Deadlines):
        seconds = options.limits.header_s
        unread_seconds = options.limits.unread_s

    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=options.limits.connections,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=LAST_ANSWERS_SECONDS,
        h11_max_incomplete_event_size=HEADER_BYTES,
        ssl_certfile=options.certificate,
        ssl_keyfile=options.key,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"can't use the certificate {str(options.certificate)!r} with its key: {error}") from error
    return config


class _Door(uvicorn.Server):
    """A signal asks to stop, once; when is for `serve_http` to say."""

    def __init__(self, config: uvicorn.Config, on_signal: Callable[[], None]) -> None:
        super().__init__(config)
        self._loop = asyncio.get_running_loop()
        self._on_signal: Callable[[], None] | None = on_signal

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Ask once; uvicorn would stop at once."""
        if self._on_signal is not None:
            self._loop.call_soon_threadsafe(self._on_signal)
            self._on_signal = None


class Deadlines(H11Protocol):
    """Ends a connection whose request's head does not come in time, or whose answers are not read; uvicorn waits for ever.

    Answers that nobody reads hold a request's place, also for whoever has no token: refusals are answers.
    """

    seconds = 10.0
    unread_seconds = 30.0
    _due: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the first request its time."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Give the next request its time, once a byte of it is there."""
        super().data_received(data)
        self._watch()

    def pause_writing(self) -> None:
        """Give the peer its time to read what waits for it."""
        super().pause_writing()
        self._end_unread()

    def resume_writing(self) -> None:
        """The peer reads."""
        super().resume_writing()
        if not self.transport.is_closing():
            self._forget_unread()

    def timeout_keep_alive_handler(self) -> None:
        """Closing waits for the peer to read the last of it, which it need not do."""
        super().timeout_keep_alive_handler()
        self._end_unread()

    def connection_lost(self, exc: Exception | None) -> None:
        """Watch no longer."""
        self._unwatch()
        self._forget_unread()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._unwatch()
        elif self._due is None and not self.transport.is_closing():
            self._due = self.loop.call_later(self.seconds, self._give_up)

    def _unwatch(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _give_up(self) -> None:
        self._due = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
            self._end_unread()

    def _end_unread(self) -> None:
        if self._unread is None:
            self._unread = self.loop.call_later(self.unread_seconds, self.transport.abort)

    def _forget_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
