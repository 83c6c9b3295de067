"""An OAuth issuer on loopback: its metadata, its keys, and tokens of every kind, also such as no issuer should make."""

from __future__ import annotations

import json
import time
from collections import Counter

import jwt
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "https://tools.example.org/mcp"


class Issuer:
    """Serves `keys`; `served` counts what was asked for. `metadata` and `answer` replace the honest answers."""

    def __init__(self) -> None:
        self.keys: dict[str, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey] = {"first": ec.generate_private_key(ec.SECP256R1())}
        self.extra: list = []
        self.served: Counter[str] = Counter()
        self.metadata: dict | None = None
        self.body: bytes | None = None
        self.status = 200
        self.padding = 0

    async def __aenter__(self) -> Issuer:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._metadata)
        app.router.add_get("/keys", self._keys)
        self._server = TestServer(app, host="127.0.0.1")
        await self._server.start_server()
        self.url = str(self._server.make_url("")).rstrip("/")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    def add(self, kid: str, key=None) -> None:
        self.keys[kid] = key or ec.generate_private_key(ec.SECP256R1())

    def token(self, *, kid="first", key=None, algorithm=None, drop=(), **claims) -> str:
        """A good token, but for what is said otherwise."""
        now = int(time.time())
        content = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "somebody",
            "client_id": "a-client",
            "iat": now,
            "exp": now + 600,
            "scope": "overwatch.read overwatch.write",
        } | claims
        for name in drop:
            del content[name]
        signer = key or self.keys[kid]
        named = algorithm or ("RS256" if isinstance(signer, rsa.RSAPrivateKey) else "ES256")
        return jwt.encode(content, signer, algorithm=named, headers={"kid": kid} if kid else {})

    def published(self) -> list[dict]:
        made = []
        for kid, key in self.keys.items():
            kind = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
            made.append(json.loads(kind.to_jwk(key.public_key())) | {"kid": kid})
        return [*self.extra, *made]

    async def _metadata(self, _request: web.Request) -> web.Response:
        self.served["metadata"] += 1
        return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | (self.metadata or {}))

    async def _keys(self, _request: web.Request) -> web.Response:
        self.served["keys"] += 1
        body = json.dumps({"keys": self.published()}).encode() if self.body is None else self.body
        return web.Response(body=b" " * self.padding + body, status=self.status, content_type="application/json")
