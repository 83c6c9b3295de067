"""The `/admin` endpoints: faults on purpose, behind a bearer token, answering also during an outage."""

from __future__ import annotations

import hmac
import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from mini_app.backend.faults import Fault, Faults
from mini_app.backend.settings import ReplicaSettings


class Degrade(BaseModel):
    """Slow and erring, for a while."""

    model_config = ConfigDict(extra="forbid")

    latency_ms: float = Field(default=1500, ge=0, le=30_000)
    error_rate: float = Field(default=0.4, ge=0, le=1)
    duration_s: float = Field(default=120, ge=1, le=3600)
    scope: Literal["process", "region"] = "process"


class Outage(BaseModel):
    """Refusing everything, for a while."""

    model_config = ConfigDict(extra="forbid")

    duration_s: float = Field(default=120, ge=1, le=3600)


def router(settings: ReplicaSettings, faults: Faults) -> APIRouter:
    """The routes of one replica."""

    def allowed(authorization: Annotated[str, Header()] = "") -> None:
        token = settings.admin_token.get_secret_value()
        if not token:
            raise HTTPException(403, "no admin token is configured here: set MINI_APP_ADMIN_TOKEN")
        if not hmac.compare_digest(authorization.encode(), f"Bearer {token}".encode()):
            raise HTTPException(401, "wrong or missing token", {"www-authenticate": "Bearer"})

    api = APIRouter(prefix="/admin", dependencies=[Depends(allowed)])

    def state() -> dict[str, Any]:
        return {"region": settings.region, "replica": settings.replica, "active": [described(f) for f in faults.active()]}

    @api.post("/degrade")
    def degrade(body: Degrade | None = None) -> dict[str, Any]:
        wanted = body or Degrade()
        until = time.time() + wanted.duration_s
        faults.inject(Fault("degrade", wanted.scope, until, wanted.latency_ms, wanted.error_rate))
        return state()

    @api.post("/outage")
    def outage(body: Outage | None = None) -> dict[str, Any]:
        faults.inject(Fault("outage", "region", time.time() + (body or Outage()).duration_s))
        return state()

    @api.post("/recover")
    def recover() -> dict[str, Any]:
        faults.clear()
        return state()

    return api


def described(fault: Fault) -> dict[str, Any]:
    """A fault for people, with the seconds that it still lasts."""
    return {
        "kind": fault.kind,
        "scope": fault.scope,
        "latency_ms": fault.latency_ms,
        "error_rate": fault.error_rate,
        "ends_in_s": round(max(0.0, fault.until - time.time()), 1),
    }
