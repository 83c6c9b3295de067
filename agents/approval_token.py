"""Tokens that tell the MCP server that exactly this call went through the gate.

`payload.signature`, both base64url without padding; the payload is JSON with the operation, the SHA-256 of what is to be done and
the second since 1970 at which it ends; the signature is HMAC-SHA256 (RFC 2104) with a key that the server holds too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agents.facts import Call


def sign(key: bytes, operation: str, call: Call, expires: datetime, expected: Mapping[str, Any] | None = None) -> str:
    """A token for one operation, good until `expires`; `expected` is what the call says of the state before."""
    said = {"operation_id": operation, "content": _content(call, expected or {}), "expires": int(expires.timestamp())}
    payload = _encode(json.dumps(said).encode())
    return f"{payload}.{_encode(hmac.new(key, payload.encode(), hashlib.sha256).digest())}"


def _content(call: Call, expected: Mapping[str, Any]) -> str:
    arguments = {**call.arguments(), **expected}
    target = arguments.pop("target")
    content = json.dumps([call.tool, target, arguments], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
