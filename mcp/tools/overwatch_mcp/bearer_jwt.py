"""Bearer tokens of an OAuth issuer (RFC 9068): JWTs, verified against the keys that the issuer publishes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import jwt
from mcp.server.auth.provider import AccessToken

from overwatch_mcp.errors import OverwatchToolError

logger = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Asymmetric ones alone: with a shared secret, whoever verifies could also sign."""
LONGEST = 16_384
LEEWAY_SECONDS = 30.0


class Keys(Protocol):
    """Where the issuer's keys come from."""

    async def get(self, kid: str) -> jwt.PyJWK | None:
        """The key of that id, None where the issuer has none."""
        ...


class JwtVerifier:
    """Implements the SDK's `TokenVerifier`. A token that is refused is refused without a reason to the caller."""

    def __init__(self, issuer: str, audience: str, keys: Keys) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys

    async def verify_token(self, token: str) -> AccessToken | None:
        """Who calls and with which scopes, or None where the token proves nothing."""
        try:
            claims = await self._claims(token)
        except (jwt.PyJWTError, ValueError, OverwatchToolError) as error:
            logger.warning("a token was refused: %.200r", str(error))
            return None
        return AccessToken(
            token="",
            client_id=_text(claims, "client_id", "azp", "appid", "sub"),
            scopes=_scopes(claims),
            expires_at=int(claims["exp"]),
            subject=_text(claims, "sub") or None,
            claims={"iss": self._issuer},
        )

    async def _claims(self, token: str) -> Mapping[str, Any]:
        if len(token) > LONGEST:
            raise ValueError(f"it has {len(token)} characters")
        header = jwt.get_unverified_header(token)
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS:
            raise ValueError(f"its algorithm {algorithm!r} is not one of {ALGORITHMS}")
        if not isinstance(kid, str) or not kid:
            raise ValueError("it names no key")
        key = await self._keys.get(kid)
        if key is None:
            raise ValueError(f"the issuer has no key {kid!r}")
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=self._audience,
            issuer=self._issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud"]},
        )
        if not _text(claims, "client_id", "azp", "appid", "sub"):
            raise ValueError("it names neither a client nor a subject")
        return claims


def _text(claims: Mapping[str, Any], *names: str) -> str:
    return next((value for name in names if isinstance(value := claims.get(name), str) and value), "")


def _scopes(claims: Mapping[str, Any]) -> list[str]:
    """`scope` is RFC 9068's, `scp` and `roles` are Entra ID's: of a person, and of an application."""
    found: list[str] = []
    for name in ("scope", "scp", "roles"):
        value = claims.get(name)
        if isinstance(value, str):
            found += value.split()
        elif isinstance(value, Sequence):
            found += [one for one in value if isinstance(one, str)]
    return list(dict.fromkeys(found))
