"""The HTTP door as an ASGI application: who may come in, how many, and what those outside may see (nothing).

The token is asked for first, so that whoever has none uses up nothing of the room of those who have one.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from mcp.server import MCPServer
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend, RequireAuthMiddleware
from mcp.server.auth.provider import TokenVerifier
from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from overwatch_mcp.clock import Clock
from overwatch_mcp.http_limits import Gate, Pace, Patience
from overwatch_mcp.http_options import HttpOptions

logger = logging.getLogger(__name__)

PATH = "/mcp"


def make_app(
    server: MCPServer[Any], options: HttpOptions, port: int, verifier: TokenVerifier, clock: Clock
) -> tuple[Starlette, Gate]:
    """The application, and the gate to close before it ends. `port` is the one that is really listened on."""
    limits = options.limits
    server.streamable_http_app(
        streamable_http_path=PATH,
        max_request_body_size=limits.body_bytes,
        session_idle_timeout=limits.session_idle_s,
        max_sessions=limits.sessions,
        transport_security=_security(options, port),
    )
    manager = server.session_manager
    routes: list[BaseRoute] = [Route("/health", _health, methods=["GET"])]
    metadata_url = None
    if options.issuer is not None:
        resource = AnyHttpUrl(options.issuer.resource_url)
        metadata_url = build_resource_metadata_url(resource)
        routes += create_protected_resource_routes(
            resource, [AnyHttpUrl(options.issuer.url)], [options.scopes.read, options.scopes.write], "Overwatch"
        )
    gate = Gate(Pace(Patience(StreamableHTTPASGIApp(manager), limits), limits, clock), limits)
    known = AuthContextMiddleware(RequireAuthMiddleware(gate, [options.scopes.read], metadata_url))
    routes.append(Route(PATH, AuthenticationMiddleware(known, BearerAuthBackend(verifier))))
    app = Starlette(routes=routes, middleware=[Middleware(AccessLog)], lifespan=lambda _: manager.run())
    return app, gate


class AccessLog:
    """One line for each request: never a header, never a query."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and write down how it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            level = logging.DEBUG if scope["path"] == "/health" else logging.INFO
            client = (scope.get("client") or ("?",))[0]
            took = 1000 * (time.monotonic() - began)
            logger.log(level, "%s %.6s %.80r %s in %.0f ms", client, scope["method"], scope["path"], status or "broken off", took)


async def _health(_: Request) -> Response:
    return PlainTextResponse("ok")


def _security(options: HttpOptions, port: int) -> TransportSecuritySettings:
    own = [f"{host}:{port}" for host in ("127.0.0.1", "localhost", "[::1]")]
    scheme = "http" if options.certificate is None else "https"
    return TransportSecuritySettings(
        allowed_hosts=[*own, *options.allowed_hosts],
        allowed_origins=[*(f"{scheme}://{host}" for host in own), *options.allowed_origins],
    )
