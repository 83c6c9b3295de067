"""Tokens of the local identity endpoints: issued here, and the only ones that the local ARM accepts."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import time

from aiohttp import web

LIFETIME = 3600


class Tokens:
    """Issues and checks bearer tokens. They look like JWTs because clients read their claims; a random part makes them secret."""

    def __init__(self, tenant: str) -> None:
        self._tenant = tenant
        self._issued: dict[str, float] = {}
        self.header = secrets.token_urlsafe(24)
        """What a caller of the managed identity endpoint has to know."""

    def issue(self, audience: str) -> str:
        """A token for one audience."""
        now = time.time()
        self._issued = {token: until for token, until in self._issued.items() if until > now}
        claims = {"aud": audience, "tid": self._tenant, "oid": "local", "appid": "local", "exp": int(now) + LIFETIME}
        token = ".".join((_part({"alg": "none", "typ": "JWT"}), _part(claims), secrets.token_urlsafe(32)))
        self._issued[token] = now + LIFETIME
        return token

    def accepts(self, request: web.Request) -> bool:
        """Whether a request carries a token that was issued here and has not ended."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self._issued.get(token, 0.0) > time.time()

    async def managed_identity(self, request: web.Request) -> web.Response:
        """The App Service flavour of the managed identity endpoint."""
        if not hmac.compare_digest(sent(request, "X-IDENTITY-HEADER"), self.header.encode()):
            return web.json_response({"statusCode": 401, "message": "wrong or missing X-IDENTITY-HEADER"}, status=401)
        resource = request.query.get("resource", "")
        return web.json_response(
            {
                "access_token": self.issue(resource),
                "expires_on": str(int(time.time()) + LIFETIME),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": "local",
            }
        )


def sent(request: web.Request, header: str) -> bytes:
    """A header's bytes, as they were sent: they need not be text."""
    return request.headers.get(header, "").encode("utf-8", "surrogateescape")


def _part(content: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
