"""What health documents and the platform's answers say. All of it comes from outside: what is missing or odd is not known."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from agents.facts import Name
from agents.sanitize import clean
from agents.sentry.asking import Asked
from agents.sentry.exposition import MOST
from agents.settings import TargetSettings

MOST_CHECKS = 8
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One entry of a health document's `checks`. `output` is cleaned text from outside."""

    component: str
    measurement: str
    ok: bool
    value: float | None = None
    unit: str = ""
    output: str = ""


@dataclass(frozen=True, slots=True)
class HealthDoc:
    """A document in `application/health+json` (draft-inadarei-api-health-check-06), as far as it is understood."""

    status: Literal["pass", "warn", "fail"]
    version: str = ""
    checks: tuple[HealthCheck, ...] = ()

    @property
    def replication_lag_s(self) -> float | None:
        """The worst replication lag that it reports, in seconds."""
        lags = [
            c.value / (1_000 if c.unit == "ms" else 1)
            for c in self.checks
            if c.value is not None and "lag" in c.measurement.lower() and c.unit in {"s", "ms", "seconds", ""}
        ]
        return max(lags, default=None)


@dataclass(frozen=True, slots=True)
class PlatformFacts:
    """One region as the platform shows it. `changing` says that it is working on the region by order (a restart, a deploy)."""

    region: str
    at: datetime
    ready: int | None = None
    desired: int | None = None
    restarts: int | None = None
    revision: str = ""
    image: str = ""
    oldest_replica: datetime | None = None
    changing: bool = False


def read_health(asked: Asked) -> HealthDoc | None:
    """The health document of an answer, where one was offered and makes sense."""
    if "json" not in asked.content_type or not asked.complete:
        return None
    try:
        raw = json.loads(asked.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(raw, dict):
        return None
    status = _status(str(raw.get("status", "")).lower())
    if status is None:
        return None
    checks = raw.get("checks")
    found = []
    for key, entries in list(checks.items())[:MOST_CHECKS] if isinstance(checks, dict) else ():
        entry = entries[0] if isinstance(entries, list) and entries else None
        if isinstance(entry, dict):
            found.append(_check(str(key), entry))
    return HealthDoc(status, clean(raw.get("version") or "", 80), tuple(found))


def _status(word: str) -> Literal["pass", "warn", "fail"] | None:
    """The three words of the draft, and those that it takes as their equals."""
    if word in {"pass", "ok", "up"}:
        return "pass"
    if word == "warn":
        return "warn"
    return "fail" if word in {"fail", "error", "down"} else None


def _check(key: str, entry: Mapping[str, Any]) -> HealthCheck:
    component, _, measurement = key.partition(":")
    name = _NAME.match(component.lower())
    return HealthCheck(
        component=name[0] if name else "other",
        measurement=clean(measurement, 40),
        ok=_status(str(entry.get("status", "pass")).lower()) != "fail",
        value=_number(entry.get("observedValue")),
        unit=clean(entry.get("observedUnit") or "", 12),
        output=clean(entry.get("output") or "", 120),
    )


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if abs(number) <= MOST else None


def _count(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def read_facts(region: Name, at: datetime, state: Mapping[str, Any]) -> PlatformFacts:
    """The facts of one `get_service_state` answer; what is missing or odd is not known."""
    raw = state.get("replicas")
    replicas = [r for r in raw if isinstance(r, dict)] if isinstance(raw, list | tuple) else []
    restarts = [n for r in replicas if (n := _count(r.get("restart_count"))) is not None]
    created = [t for r in replicas if (t := _time(r.get("created_at"))) is not None]
    working = {"processing", "inprogress", "updating", "initializationinprogress", "activating"}
    return PlatformFacts(
        region=region,
        at=at,
        ready=_count(state.get("replicas_ready")),
        desired=_count(state.get("replicas_desired")),
        restarts=sum(restarts) if restarts else None,
        revision=clean(state.get("revision") or "", 120),
        image=clean(state.get("image") or ""),
        oldest_replica=min(created, default=None),
        changing=any(str(state.get(key) or "").lower() in working for key in ("running_state", "provisioning_state")),
    )


def _time(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    return value if isinstance(value, datetime) and value.tzinfo is not None else None


def read_weights(answer: Mapping[str, Any], settings: TargetSettings) -> Mapping[str, int] | None:
    """The percent of users of each region, for the regions that are known."""
    raw = answer.get("weights")
    if not isinstance(raw, Mapping):
        return None
    return {region: weight for region in settings.regions if (weight := _count(raw.get(region))) is not None}
