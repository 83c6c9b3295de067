"""Approval tokens: proof that whoever holds the key of a target agreed to exactly this write, until a moment.

A token is `payload.signature`, both base64url without padding. The payload is the JSON object
`{"operation_id": …, "content": …, "expires": …}`, where `content` is `content_hash` and `expires` is in seconds since 1970; the
signature is HMAC-SHA256 (RFC 2104) over the payload as it is sent. It names one operation, and one operation has one effect, so
that it can't be used for a second one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from overwatch_mcp.errors import ConfigError

SHORTEST_KEY = 32
LONGEST_LIFE = timedelta(hours=1)


def content_hash(tool: str, target: str, arguments: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of what is to be done; arguments that are null are left out."""
    given = {name: value for name, value in arguments.items() if value is not None}
    content = json.dumps([tool, target, given], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(content.encode()).hexdigest()


def read_key(path: Path) -> bytes:
    """The key in a file. Raises ConfigError where it can't be read, is too short, or others may read it too."""
    try:
        mode = path.stat().st_mode
        key = path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(
            f"can't read the approval key {str(path)!r} ({error.strerror}): no write is allowed without it"
        ) from error
    if mode & 0o077:
        raise ConfigError(f"the approval key {str(path)!r} can be read by others: `chmod 600` it")
    if len(key) < SHORTEST_KEY:
        raise ConfigError(f"the approval key {str(path)!r} has {len(key)} bytes: give {SHORTEST_KEY} or more")
    return key


def sign(key: bytes, operation_id: str, content: str, expires: datetime) -> str:
    """A token for one operation."""
    payload = _encode(
        json.dumps({"operation_id": operation_id, "content": content, "expires": int(expires.timestamp())}).encode()
    )
    return f"{payload}.{_encode(_signature(key, payload))}"


def refuse_token(key: bytes, token: str | None, operation_id: str, content: str, now: datetime) -> str | None:
    """Why a token does not allow this; None lets it pass."""
    if not token:
        return "this target demands an approval token: have the operation approved, and send its token"
    payload, _, signature = token.partition(".")
    if not hmac.compare_digest(_encode(_signature(key, payload)).encode(), signature.encode("utf-8", "replace")):
        return "the approval token was not signed with this target's key"
    try:
        said = json.loads(_decode(payload))
        expires = datetime.fromtimestamp(said["expires"], now.tzinfo)
        bound = (said["operation_id"], said["content"])
    except (ValueError, KeyError, TypeError, OverflowError, OSError):
        return "the approval token can't be read"
    if bound != (operation_id, content):
        return "the approval token is for another operation, or for other arguments"
    if expires <= now:
        return f"the approval token ended at {expires:%H:%M:%S}: have the operation approved anew"
    if expires - now > LONGEST_LIFE:
        return f"the approval token would count until {expires:%Y-%m-%d %H:%M}: one may last {LONGEST_LIFE} at most"
    return None


def _signature(key: bytes, payload: str) -> bytes:
    return hmac.new(key, payload.encode("utf-8", "replace"), hashlib.sha256).digest()


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError(text) from error
