"""The keys of an OAuth issuer, found through its metadata (RFC 8414, OpenID Connect Discovery) and kept for a while."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx2
import jwt

from overwatch_mcp.clock import Clock
from overwatch_mcp.errors import ConfigError, OverwatchToolError
from overwatch_mcp.loopback import is_loopback

logger = logging.getLogger(__name__)

FETCH_SECONDS = 5.0
FETCH_BYTES = 256 * 1024
AGAIN_SECONDS = 60.0
"""Between two fetches at least, whatever ids callers make up."""
FRESH_SECONDS = 3600.0
"""A key that the issuer took back is let go after this."""
STALE_SECONDS = 24 * 3600.0
"""How long keys are used while the issuer can't be reached."""
MOST_KEYS = 64
_KINDS = ("RSA", "EC", "OKP")
_RSA_BITS = 2048


class KeysError(OverwatchToolError):
    """The issuer's keys can't be had."""


class IssuerKeys:
    """Fetches the keys at the first use, when they are old, and for an id that is not known: at most once a minute."""

    def __init__(self, issuer: str, clock: Clock, client: httpx2.AsyncClient | None = None) -> None:
        """Raises ConfigError where the issuer is not reached over TLS and not on loopback either."""
        if not is_safe(issuer):
            raise ConfigError(
                f"the issuer {issuer!r} is not https, so that anyone in between could be it: take its https address"
            )
        self._issuer = issuer
        self._clock = clock
        self._client = client or httpx2.AsyncClient(timeout=FETCH_SECONDS, follow_redirects=False)
        self._lock = asyncio.Lock()
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._got: float | None = None
        self._tried: float | None = None

    async def get(self, kid: str) -> jwt.PyJWK | None:
        """The key of that id, None where the issuer has none. Raises KeysError while no keys can be had."""
        if kid not in self._keys or self._age() > FRESH_SECONDS:
            async with self._lock:
                if kid not in self._keys or self._age() > FRESH_SECONDS:
                    await self._refresh()
        if self._age() > STALE_SECONDS:
            raise KeysError(f"the keys of {self._issuer!r} can't be had")
        return self._keys.get(kid)

    async def close(self) -> None:
        """Let the connections go."""
        await self._client.aclose()

    def _age(self) -> float:
        return float("inf") if self._got is None else self._clock.monotonic() - self._got

    async def _refresh(self) -> None:
        now = self._clock.monotonic()
        if self._tried is not None and now - self._tried < AGAIN_SECONDS:
            return
        self._tried = now
        try:
            async with asyncio.timeout(2 * FETCH_SECONDS):
                self._keys = await self._fetch_keys()
        except (OverwatchToolError, httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            logger.warning("the keys of %r can't be had: %.200r", self._issuer, str(error) or type(error).__name__)
        else:
            self._got = now
            logger.info("%r has %d keys", self._issuer, len(self._keys))

    async def _fetch_keys(self) -> Mapping[str, jwt.PyJWK]:
        metadata = await self._metadata()
        address = metadata.get("jwks_uri")
        if not isinstance(address, str) or not is_safe(address):
            raise KeysError(f"its metadata names the keys at {address!r}, which is no https address")
        listed = (await self._fetch(address) or {}).get("keys")
        if not isinstance(listed, list):
            raise KeysError("its key set has no list of keys")
        keys = {}
        for one in listed[:MOST_KEYS]:
            key = _usable(one)
            if key is not None and key.key_id:
                keys[key.key_id] = key
        return keys

    async def _metadata(self) -> Mapping[str, Any]:
        for address in _places(self._issuer):
            found = await self._fetch(address)
            if found is None:
                continue
            if found.get("issuer") != self._issuer:
                raise KeysError(f"its metadata is that of {found.get('issuer')!r}")
            return found
        raise KeysError("it publishes no metadata")

    async def _fetch(self, address: str) -> Mapping[str, Any] | None:
        async with self._client.stream("GET", address, headers={"accept": "application/json"}) as answer:
            if answer.status_code in {404, 405}:
                return None
            if answer.status_code != 200:
                raise KeysError(f"{address} answers {answer.status_code}")
            content = bytearray()
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > FETCH_BYTES:
                    raise KeysError(f"{address} answers more than {FETCH_BYTES} bytes")
        try:
            found = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise KeysError(f"{address} answers no JSON") from error
        if not isinstance(found, dict):
            raise KeysError(f"{address} answers no object")
        return found


def is_safe(url: str) -> bool:
    """Whether what comes from there is the issuer's: TLS, or loopback."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and is_loopback(parts.hostname or "")


def _places(issuer: str) -> tuple[str, ...]:
    """Where an issuer's metadata may lie: RFC 8414 puts the well-known part before its path, OpenID Connect behind it."""
    parts = urlsplit(issuer)
    root, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    return (
        f"{root}/.well-known/oauth-authorization-server{path}",
        f"{root}{path}/.well-known/openid-configuration",
    )


def _usable(content: Any) -> jwt.PyJWK | None:
    if not isinstance(content, dict) or content.get("kty") not in _KINDS or content.get("use", "sig") != "sig":
        return None
    try:
        key = jwt.PyJWK(content)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if content["kty"] == "RSA" and getattr(key.key, "key_size", 0) < _RSA_BITS:
        return None
    return key
