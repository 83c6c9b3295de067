"""What Sentry saw, as observations that a diagnosis can cite: numbers, and a sentence for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from agents.events import IncidentOpened
from agents.facts import Observation, Symptom, SymptomKind
from agents.sentry.asking import Asked
from agents.sentry.documents import PlatformFacts
from agents.sentry.looks import RegionLook
from agents.sentry.memory import Memory, Symptoms

_WORDS: Mapping[SymptomKind, str] = {
    "unreachable": "unreachable",
    "health_fail": "health fail",
    "latency": "latency",
    "errors": "errors",
    "replicas_missing": "replicas missing",
    "users_failing": "users failing",
}
_EVIDENCE: Mapping[SymptomKind, tuple[str, ...]] = {
    "unreachable": ("health", "probe_success"),
    "health_fail": ("health", "health_checks_database"),
    "latency": ("latency_p95", "probe_success", "health"),
    "errors": ("error_rate", "probe_success"),
    "replicas_missing": ("replicas_ready", "restarts"),
    "users_failing": ("users_error_rate", "users_p95", "users_probe"),
}
_ORDER = tuple(_WORDS)


@dataclass(frozen=True, slots=True)
class _Fact:
    region: str | None
    metric: str
    value: float | None
    text: str
    baseline: float | None = None
    unit: str = ""


def opened(memory: Memory, symptoms: Symptoms, now: datetime) -> IncidentOpened:
    """The payload that opens an incident: its symptoms, and observations of all regions, the healthy ones too."""
    seen = observations(memory, now)
    return IncidentOpened(
        target=memory.target,
        title=title(symptoms),
        symptoms=cited(symptoms, seen),
        observations=seen,
    )


def title(symptoms: Symptoms) -> str:
    """Such as `east: latency, errors; users failing`."""
    parts = []
    for region in sorted({r for r, _ in symptoms if r is not None}):
        kinds = sorted((k for r, k in symptoms if r == region), key=_ORDER.index)
        parts.append(f"{region}: {', '.join(_WORDS[k] for k in kinds)}")
    parts += [_WORDS[k] for r, k in symptoms if r is None]
    return "; ".join(parts)[:200]


def cited(symptoms: Symptoms, seen: Sequence[Observation]) -> tuple[Symptom, ...]:
    """The symptoms, each with the observations that show it."""
    ids = {(o.region, o.metric): o.id for o in seen}
    order = sorted(symptoms.items(), key=lambda s: (s[0][0] is None, s[0][0] or "", _ORDER.index(s[0][1])))
    return tuple(
        Symptom(
            kind=kind,
            region=region,
            observations=tuple(ids[region, metric] for metric in _EVIDENCE[kind] if (region, metric) in ids),
            since=since,
        )
        for (region, kind), since in order
    )


def observations(memory: Memory, now: datetime) -> tuple[Observation, ...]:
    """All that is known now, numbered `o1`, `o2`, … in a fixed order: regions by name, then what users see."""
    facts = [*_all(memory, now)]
    return tuple(
        Observation(
            id=f"o{n}",
            region=fact.region,
            metric=fact.metric,
            value=None if fact.value is None else round(fact.value, 4),
            baseline=None if fact.baseline is None else round(fact.baseline, 4),
            unit=fact.unit,
            text=fact.text[:2_000],
            at=now,
        )
        for n, fact in enumerate(facts, 1)
    )


def _all(memory: Memory, now: datetime) -> Iterator[_Fact]:
    for region in sorted(memory.configured.regions):
        look = memory.looks.get(region)
        if look is not None:
            yield from _asked(memory, look)
            yield from _measured(memory, look)
        facts = memory.facts(region, now)
        if facts is not None:
            yield from _run(memory, facts, now)
        if memory.platform is not None and memory.platform.weights is not None and region in memory.platform.weights:
            percent = memory.platform.weights[region]
            yield _Fact(region, "traffic", percent, f"{region} gets {percent} % of the users", unit="percent")
        changed = memory.changed_version(region, now)
        if changed is not None:
            name, since, before = changed
            age = (now - since).total_seconds()
            text = f"{region} runs {name} since {age:.0f} s, before {before}"
            yield _Fact(region, "app_version_changed", 1, text, baseline=0)
        elif look is not None or facts is not None:
            yield _Fact(region, "app_version_changed", 0, f"{region} runs the same version as before", baseline=0)
    yield from _users(memory)
    if memory.platform is not None:
        reachable = memory.platform.reachable
        text = "the platform answers" if reachable else f"the platform can't be read: {memory.platform.detail}"
        yield _Fact(None, "platform_reachable", float(reachable), text, baseline=1)
    if memory.configured.platform is None:
        yield _Fact(None, "platform", 0, "there is no platform to ask what runs")
    count = len(memory.configured.regions)
    yield _Fact(None, "regions", count, f"the target has {count} region{'' if count == 1 else 's'}")


def _asked(memory: Memory, look: RegionLook) -> Iterator[_Fact]:
    region, health, doc = look.region, look.health, look.doc
    status: str = doc.status if doc is not None and health.ok else "pass" if health.ok else "fail"
    status = "not known" if health.trouble == "timeout" else status
    value = {"pass": 1.0, "warn": 0.5, "fail": 0.0}.get(status)
    yield _Fact(region, "health", value, f"{region} health: {status} ({_answer(health)})", baseline=1)
    for check in doc.checks if doc is not None else ():
        said = f' and says "{check.output}"' if check.output else ""
        took = f" in {check.value:g} {check.unit}" if check.value is not None else ""
        word = "passes" if check.ok else "fails"
        text = f"{region} health check of its {check.component} {word}{took}{said}"
        yield _Fact(region, f"health_checks_{check.component}", float(check.ok), text, baseline=1)
    lag = doc.replication_lag_s if doc is not None else None
    if lag is not None:
        yield _Fact(region, "replication_lag", lag, f"{region} lags {lag:.1f} s behind", unit="s")
    asked = memory.probes_since_trouble(region)
    if asked:
        share = sum(asked) / len(asked)
        what = "its user path" if look.probe is not None else "its health"
        text = f"{region}: {sum(asked)} of the last {len(asked)} probes of {what} were answered ({_answer(look.probe or health)})"
        yield _Fact(region, "probe_success", share, text, baseline=1, unit="share")


def _measured(memory: Memory, look: RegionLook) -> Iterator[_Fact]:
    region, rates = look.region, look.rates
    normal = memory.baselines.of
    p95, source = rates.p95_ms, "of its users' requests"
    if p95 is None or rates.requests < 10:
        p95, source = max(a.latency_ms for a in (look.health, look.probe) if a is not None), "of the last probes, the slower"
    base = normal(region, "latency_p95") or normal(region, "probe_ms")
    text = f"{region}: p95 {p95:.0f} ms {source}{_usually(base, ' ms')}"
    late = max((a.latency_ms for a in (look.health, look.probe) if a is not None and a.trouble == "timeout"), default=0.0)
    if late >= p95:
        text = f"{region}: no answer to the last probes within {late:.0f} ms{_usually(base, ' ms')}"
    yield _Fact(region, "latency_p95", max(p95, late), text, base, "ms")
    if rates.error_rate is not None:
        text = f"{region}: {rates.errors:.0f} of {rates.requests:.0f} requests failed ({rates.error_rate:.0%})"
        yield _Fact(region, "error_rate", rates.error_rate, text, normal(region, "error_rate"), "share")
    if rates.rps is not None:
        base = normal(region, "rps")
        yield _Fact(region, "rps", rates.rps, f"{region}: {rates.rps:.1f} requests/s{_usually(base, '/s', 1)}", base, "1/s")
    if look.cpu is not None:
        base = normal(region, "cpu")
        yield _Fact(region, "cpu", look.cpu, f"{region}: cpu {look.cpu:.0f} %{_usually(base, ' %')}", base, "percent")
    if look.pool_utilisation is not None:
        base = normal(region, "pool_utilisation")
        text = f"{region}: {look.pool_utilisation:.0%} of the database connections are in use"
        yield _Fact(region, "pool_utilisation", look.pool_utilisation, text, base, "share")
    if look.rss is not None:
        base = normal(region, "rss")
        known = "" if base is None else f", usually {base / 1e6:.0f} MB"
        yield _Fact(region, "rss", look.rss, f"{region}: {look.rss / 1e6:.0f} MB of memory{known}", base, "bytes")


def _run(memory: Memory, facts: PlatformFacts, now: datetime) -> Iterator[_Fact]:
    region = facts.region
    if facts.ready is not None and facts.desired is not None:
        text = f"{region}: {facts.ready} of {facts.desired} replicas are ready"
        text += ", the platform works on it" if facts.changing else ""
        yield _Fact(region, "replicas_ready", facts.ready, text, facts.desired)
    if facts.restarts is not None:
        base = memory.baselines.of(region, "restarts")
        yield _Fact(region, "restarts", facts.restarts, f"{region}: {facts.restarts} restarts{_usually(base, '')}", base)
    changed = memory.changed_version(region, now)
    since = changed[1] if changed is not None else facts.oldest_replica
    if since is not None:
        age = max(0.0, (now - since).total_seconds())
        name = facts.revision or facts.image or "its revision"
        yield _Fact(region, "revision_age", age, f"{region} runs {name} for {age:.0f} s at least", unit="s")


def _users(memory: Memory) -> Iterator[_Fact]:
    users = memory.users
    if users is None:
        return
    normal = memory.baselines.of
    rates, probe = users.rates, users.probe
    if rates.error_rate is not None:
        text = f"users: {rates.errors:.0f} of {rates.requests:.0f} requests failed ({rates.error_rate:.0%})"
        yield _Fact(None, "users_error_rate", rates.error_rate, text, normal(None, "error_rate"), "share")
    elif users.measured is None and probe is not None:
        text = f"users: the public address answered {_answer(probe)}"
        yield _Fact(None, "users_error_rate", float(not probe.ok), text, 0, "share")
    p95 = rates.p95_ms if rates.p95_ms is not None else probe.latency_ms if probe is not None else None
    if p95 is not None:
        base = normal(None, "latency_p95") or normal(None, "probe_ms")
        yield _Fact(None, "users_p95", p95, f"users: p95 {p95:.0f} ms{_usually(base, ' ms')}", base, "ms")
    if probe is not None:
        by = f" by {probe.region}" if probe.region else ""
        yield _Fact(None, "users_probe", float(probe.ok), f"users: the public address was answered{by}: {_answer(probe)}", 1)


def _answer(asked: Asked) -> str:
    return f"{asked.detail} in {asked.latency_ms:.0f} ms" if asked.status is not None else asked.detail


def _usually(baseline: float | None, unit: str, digits: int = 0) -> str:
    return "" if baseline is None else f", usually {baseline:.{digits}f}{unit}"
