"""One replica of the demo: users, health, metrics, status, chaos and the frontend."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Engine

from mini_app.backend import chaos, users
from mini_app.backend.database import check, connect, prepare
from mini_app.backend.faults import Faults
from mini_app.backend.middleware import Replica
from mini_app.backend.settings import ReplicaSettings
from mini_app.backend.telemetry import Metrics

FRONTEND = Path(__file__).resolve().parent.parent / "frontend"
SLOW_DATABASE_MS = 500
ERRORS_SHOWN = 10

log = logging.getLogger(__name__)
PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
"""Nothing but the app's own files runs in the page, whatever a user's name says."""


def utc_now() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)


def create_app(settings: ReplicaSettings, *, rng: random.Random | None = None, now: Callable[[], datetime] = utc_now) -> FastAPI:
    """The application of one replica; creates and seeds the database where it is new."""
    engine = connect(settings.database_url)
    prepare(engine)
    chance = rng or random.Random()  # noqa: S311 - chooses which requests fail, no secret
    faults = Faults(engine, settings.region, chance, lambda: now().timestamp(), spread=settings.spread_faults)
    metrics = Metrics(engine, region=settings.region, replica=settings.replica, version=settings.version)
    started = now()
    log.info("replica %s of region %s starts, version %s", settings.replica, settings.region, settings.version)
    app = FastAPI(title="Mini app", version=settings.version, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(RequestValidationError, refuse)
    app.include_router(users.router(engine, now))
    app.include_router(chaos.router(settings, faults))

    @app.get("/health")
    def health() -> JSONResponse:
        return health_of(engine, settings, now)

    @app.get("/metrics")
    def exposition() -> Response:
        return Response(metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/status")
    def status() -> dict[str, Any]:
        return {
            "service": "mini-app",
            "region": settings.region,
            "replica": settings.replica,
            "version": settings.version,
            "started_at": started.isoformat(),
            "uptime_s": round((now() - started).total_seconds(), 1),
            "faults": chaos.described(faults),
            "requests_total": metrics.total,
            "peers": settings.peers,
        }

    @app.get("/")
    def frontend() -> FileResponse:
        return FileResponse(FRONTEND / "index.html", headers=PAGE_HEADERS)

    app.mount("/static", StaticFiles(directory=FRONTEND), name="static")
    app.add_middleware(Replica, faults=faults, metrics=metrics, region=settings.region, replica=settings.replica)
    return app


def health_of(engine: Engine, settings: ReplicaSettings, now: Callable[[], datetime]) -> JSONResponse:
    """How the replica is, in the format of draft-inadarei-api-health-check: 503 where its database does not answer."""
    well, took, error = check(engine)
    status = "fail" if not well else "warn" if took > SLOW_DATABASE_MS else "pass"
    found: dict[str, Any] = {
        "componentType": "datastore",
        "observedValue": round(took, 2),
        "observedUnit": "ms",
        "status": status,
        "time": now().isoformat(),
    }
    if error:
        found["output"] = error
    body = {
        "status": status,
        "version": "1",
        "releaseId": settings.version,
        "serviceId": f"mini-app-{settings.region}",
        "checks": {"database:responseTime": [found]},
    }
    return JSONResponse(body, 503 if status == "fail" else 200, media_type="application/health+json")


async def refuse(_: Request, error: Exception) -> Response:
    """422 with what is wrong. What was sent is not repeated: it may be huge, or hold what JSON or UTF-8 can't."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    detail = [{"type": one["type"], "loc": one["loc"], "msg": one["msg"]} for one in found[:ERRORS_SHOWN]]
    return Response(json.dumps({"detail": detail}), 422, media_type="application/json")
