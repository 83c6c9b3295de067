"""The `/admin` endpoints: faults on purpose, behind a bearer token, answering also during an outage."""

from __future__ import annotations

import hmac
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from mini_app.backend.faults import Fault, Faults
from mini_app.backend.settings import ReplicaSettings

STRICT = ConfigDict(extra="forbid", strict=True)


class Degrade(BaseModel):
    """Slow and erring, for a while."""

    model_config = STRICT

    latency_ms: float = Field(default=1500, ge=0, le=30_000)
    error_rate: float = Field(default=0.4, ge=0, le=1)
    duration_s: float = Field(default=120, ge=1, le=3600)
    scope: Literal["process", "region"] = "process"


class Outage(BaseModel):
    """Refusing everything, for a while."""

    model_config = STRICT

    duration_s: float = Field(default=120, ge=1, le=3600)


def router(settings: ReplicaSettings, faults: Faults) -> APIRouter:
    """The routes of one replica."""

    def allowed(authorization: Annotated[str, Header()] = "") -> None:
        token = settings.admin_token.get_secret_value()
        if not token:
            raise HTTPException(403, "no admin token is configured here: set MINI_APP_ADMIN_TOKEN")
        given = authorization.encode("latin-1")  # the bytes that were sent: headers are read as Latin-1
        if not hmac.compare_digest(given, f"Bearer {token}".encode()):
            raise HTTPException(401, "wrong or missing token", {"www-authenticate": "Bearer"})

    api = APIRouter(prefix="/admin", dependencies=[Depends(allowed)])

    def state() -> dict[str, Any]:
        return {"region": settings.region, "replica": settings.replica, "active": described(faults)}

    @api.post("/degrade")
    def degrade(body: Degrade | None = None) -> dict[str, Any]:
        wanted = body or Degrade()
        now = faults.now()
        faults.inject(Fault("degrade", wanted.scope, now + wanted.duration_s, wanted.latency_ms, wanted.error_rate, now))
        return state()

    @api.post("/outage")
    def outage(body: Outage | None = None) -> dict[str, Any]:
        faults.inject(Fault("outage", "region", faults.now() + (body or Outage()).duration_s))
        return state()

    @api.post("/recover")
    def recover() -> dict[str, Any]:
        faults.clear()
        return state()

    return api


def described(faults: Faults) -> list[dict[str, Any]]:
    """The active faults for people, with the seconds that each still lasts."""
    return [
        {
            "kind": fault.kind,
            "scope": fault.scope,
            "latency_ms": fault.latency_ms,
            "error_rate": fault.error_rate,
            "ends_in_s": round(max(0.0, fault.until - faults.now()), 1),
        }
        for fault in faults.active()
    ]
