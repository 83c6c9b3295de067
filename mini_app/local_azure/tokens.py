"""Tokens of the local identity endpoints: issued here, each for one audience, and the only ones that the local APIs accept."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import time
from collections.abc import Collection

from aiohttp import web

LIFETIME = 3600


class TokenError(Exception):
    """A request carries no token that counts here."""


class WrongAudienceError(TokenError):
    """The token was issued here, for somebody else."""

    def __init__(self, audience: str) -> None:
        super().__init__(f"the token is for {audience!r}")
        self.audience = audience


class Tokens:
    """Issues and checks bearer tokens. They look like JWTs because clients read their claims; a random part makes them secret."""

    def __init__(self, tenant: str, client_id: str = "local") -> None:
        self._tenant = tenant
        self._client_id = client_id
        self._issued: dict[str, tuple[float, str]] = {}
        self.header = secrets.token_urlsafe(24)
        """What a caller of the managed identity endpoint has to know."""

    def issue(self, audience: str) -> str:
        """A token for one audience."""
        now = time.time()
        self._issued = {token: kept for token, kept in self._issued.items() if kept[0] > now}
        claims = {
            "aud": audience,
            "tid": self._tenant,
            "oid": self._client_id,
            "appid": self._client_id,
            "iat": int(now),
            "nbf": int(now),
            "exp": int(now) + LIFETIME,
        }
        token = ".".join((_part({"alg": "none", "typ": "JWT"}), _part(claims), secrets.token_urlsafe(32)))
        self._issued[token] = (now + LIFETIME, audience)
        return token

    def check(self, request: web.Request, audiences: Collection[str]) -> None:
        """Raise TokenError, or WrongAudienceError, unless a request carries a living token for one of the audiences.

        A slash at the end of an audience makes no difference.
        """
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        until, audience = self._issued.get(token, (0.0, ""))
        if scheme.lower() != "bearer" or until <= time.time():
            raise TokenError("the token is missing, or was not issued here")
        if audience.rstrip("/") not in audiences:
            raise WrongAudienceError(audience)

    async def managed_identity(self, request: web.Request) -> web.Response:
        """The App Service flavour of the managed identity endpoint."""
        if not hmac.compare_digest(sent(request, "X-IDENTITY-HEADER"), self.header.encode()):
            return web.json_response({"statusCode": 401, "message": "wrong or missing X-IDENTITY-HEADER"}, status=401)
        resource = request.query.get("resource", "")
        if not resource:
            return web.json_response({"statusCode": 400, "message": "name the `resource` that the token is for"}, status=400)
        return web.json_response(
            {
                "access_token": self.issue(resource),
                "expires_on": str(int(time.time()) + LIFETIME),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": self._client_id,
            }
        )


def sent(request: web.Request, header: str) -> bytes:
    """A header's bytes, as they were sent: they need not be text."""
    return request.headers.get(header, "").encode("utf-8", "surrogateescape")


def _part(content: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
