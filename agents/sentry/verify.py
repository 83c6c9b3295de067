"""Whether an action helped and harmed nothing else, seen from outside after a settle window. A reply of an API proves nothing.

Built on the incident and on fresh looks alone, so that it can be run again after a crash and comes to the same kind of answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from agents.facts import Check, Observation, Strategy
from agents.incident import Incident
from agents.seams import Clock
from agents.sentry.asking import Asked
from agents.sentry.decide import moved_away
from agents.sentry.detect import NONE, Kinds, judge_region, judge_users, thresholds
from agents.sentry.looks import Looker, PlatformLook, RegionLook, UsersLook
from agents.sentry.series import Baselines, Book
from agents.sentry.store import IncidentStore
from agents.settings import SentrySettings, TargetSettings

_REPLICA_ACTIONS = frozenset({"restart_service", "scale_service", "deploy_container", "rollback_revision"})


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must hold after a strategy: who must be well, who may go on being broken, and who may answer users."""

    well: frozenset[str]
    excused: frozenset[str]
    answering: frozenset[str]
    replicas: frozenset[str]
    """Regions whose replicas must all be ready."""


def expectation(incident: Incident, strategy: Strategy, regions: frozenset[str]) -> Expectation:
    """Where users were moved, the destination must be well and the source need not recover; else what was broken must be well."""
    calls = [a.call for a in strategy.actions if a.call is not None]
    acted = frozenset(c.region for c in calls if c.region is not None)
    touched = frozenset(
        a.call.region for a in strategy.actions if a.kind in _REPLICA_ACTIONS and a.call is not None and a.call.region is not None
    )
    missing = frozenset(s.region for s in incident.symptoms if s.kind == "replicas_missing" and s.region is not None)
    moved = any(c.weights is not None for c in calls)
    if moved:
        away = moved_away(incident) & regions
        well = regions - away
        return Expectation(well, away, well, (touched | missing) & well)
    well = (acted | frozenset(incident.regions)) & regions
    return Expectation(well, frozenset(), regions, (touched | missing) & regions)


@dataclass(frozen=True, slots=True)
class _Round:
    """One look at everything that a verification asks about."""

    regions: Mapping[str, RegionLook]
    users: UsersLook | None
    platform: PlatformLook | None
    others: Mapping[str, str]
    """By other target: what is wrong with it, empty where nothing is."""


class Verifier:
    """Verifies one strategy at a time; holds no state between two verifications."""

    def __init__(
        self,
        looker: Looker,
        store: IncidentStore,
        settings: SentrySettings,
        targets: Mapping[str, TargetSettings],
    ) -> None:
        self._looker = looker
        self._store = store
        self._settings = settings
        self._targets = targets

    async def verify(
        self,
        incident: Incident,
        strategy: Strategy,
        learnt: Baselines | None,
        clock: Clock,
        others: Mapping[str, Baselines] = MappingProxyType({}),
    ) -> tuple[bool, tuple[Check, ...]]:
        """Wait for things to settle, then look until enough looks in a row are good, or the time is up.

        `learnt` is what is normal for the target, `others` for each of the other targets; what was not learnt can't be slow.
        """
        settings = self._settings
        target = self._targets.get(incident.target)
        if target is None:
            known = ", ".join(sorted(self._targets))
            return False, (Check(name="target", passed=False, detail=f"{incident.target!r} is not watched; known: {known}"),)
        await clock.sleep(settings.settle_s)
        one = _Verification(self, incident, strategy, target, learnt)
        one.others = others
        deadline = clock.now() + timedelta(seconds=settings.verify_timeout_s)
        good = 0
        while True:
            started = clock.now()
            checks = one.judge(await self._look(one, clock))
            good = good + 1 if all(check.passed for check in checks) else 0
            if good >= settings.stable_looks or clock.now() >= deadline:
                break
            spent = (clock.now() - started).total_seconds()
            await clock.sleep(min(settings.interval_s, max(0.0, settings.interval_s - spent)))
        detail = f"{good} good looks in a row, {settings.stable_looks} are needed within {settings.verify_timeout_s:g} s"
        stable = Check(name="stable", passed=good >= settings.stable_looks, detail=detail)
        return stable.passed, (*checks, stable)

    async def _look(self, one: _Verification, clock: Clock) -> _Round:
        target = one.target
        names = sorted(target.regions)
        looks = [self._looker.region(name, target.regions[name], one.books[name]) for name in names]
        others = [name for name in sorted(self._targets) if name != one.incident.target]
        regions, users, platform, wrong = await asyncio.gather(
            asyncio.gather(*looks),
            self._looker.users(target, one.books[None]),
            self._looker.platform(one.incident.target, target),
            asyncio.gather(*(self._other(name, one, clock) for name in others)),
        )
        return _Round(
            regions=dict(zip(names, regions, strict=True)),
            users=users,
            platform=platform,
            others=dict(zip(others, wrong, strict=True)),
        )

    async def _other(self, name: str, one: _Verification, clock: Clock) -> str:
        """What is wrong with another target that was well before the action; empty where nothing is."""
        del clock
        settings = self._targets[name]
        looks = [
            self._looker.region(region, settings.regions[region], Book(), metrics=False) for region in sorted(settings.regions)
        ]
        users, regions = await asyncio.gather(self._looker.users(settings, Book()), asyncio.gather(*looks))
        normal = one.others.get(name) or Baselines()
        judged = [(look, judge_region(look, thresholds(normal, look.region, self._settings), self._settings)) for look in regions]
        found = [f"{look.region}: {', '.join(sorted(bad))} ({look.health.detail})" for look, bad in judged if bad]
        if (
            users is not None
            and users.probe is not None
            and judge_users(users, thresholds(normal, None, self._settings), self._settings)
        ):
            found.append(f"users fail ({_answer(users.probe)})")
        if not found:
            return ""
        earlier = await self._store.unresolved(name)
        before = one.incident.decided_at or one.incident.opened_at
        return "" if earlier is not None and earlier.opened_at <= before else "; ".join(found)


class _Verification:
    """One run: what is expected, what was before, and the counters since it began."""

    def __init__(
        self, verifier: Verifier, incident: Incident, strategy: Strategy, target: TargetSettings, learnt: Baselines | None
    ) -> None:
        self._settings = verifier._settings  # noqa: SLF001 - two halves of one thing
        self.incident = incident
        self.target = target
        self.others: Mapping[str, Baselines] = {}
        self.books: dict[str | None, Book] = {r: Book() for r in (*target.regions, None)}
        self._expected = expectation(incident, strategy, frozenset(target.regions))
        self._before: dict[tuple[str | None, str], Observation] = {(o.region, o.metric): o for o in incident.observations}
        self._baselines = Baselines()
        for region in (*target.regions, None):
            for metric in ("probe_ms", "latency_p95"):
                self._baselines.seed(region, metric, learnt.of(region, metric) if learnt is not None else None)
            seen = self._before.get((region, "latency_p95" if region is not None else "users_p95"))
            self._baselines.seed(region, "latency_p95", seen.baseline if seen is not None else None)

    def judge(self, round_: _Round) -> tuple[Check, ...]:
        """All checks of one round."""
        checks: list[Check] = []
        for region in sorted(round_.regions):
            look = round_.regions[region]
            if region in self._expected.well:
                checks += self._must_be_well(look, round_.platform)
            elif region not in self._expected.excused:
                checks.append(self._unharmed(look, round_.platform))
        if round_.users is not None:
            checks += self._users(round_.users)
        for name, wrong in round_.others.items():
            detail = f"{name} became worse: {wrong}" if wrong else f"{name} is not worse than before"
            checks.append(Check(name=f"{name} unharmed", passed=not wrong, detail=detail[:2_000]))
        return tuple(checks)

    def _kinds(self, look: RegionLook) -> Kinds:
        return judge_region(look, thresholds(self._baselines, look.region, self._settings, strict=True), self._settings)

    def _must_be_well(self, look: RegionLook, platform: PlatformLook | None) -> list[Check]:
        region, bad = look.region, self._kinds(look)
        ill = bad & {"unreachable", "health_fail"}
        checks = [Check(name=f"{region} health", passed=not ill, detail=f"health {_answer(look.health)}")]
        signals = bad - ill
        measured = [f"user path {_answer(look.probe)}"] if look.probe is not None else []
        measured += _numbers(look)
        why = f"still {', '.join(sorted(signals))}: " if signals else ""
        checks.append(Check(name=f"{region} signals", passed=not bad, detail=why + "; ".join(measured or ["gone"])))
        if region in self._expected.replicas:
            facts = platform.facts.get(region) if platform is not None else None
            if facts is not None and facts.ready is not None and facts.desired is not None:
                passed, detail = facts.ready >= facts.desired, f"{facts.ready} of {facts.desired} replicas are ready"
            else:
                passed, detail = platform is None, "the platform does not say how many replicas are ready"
            checks.append(Check(name=f"{region} replicas", passed=passed, detail=detail))
        return checks

    def _unharmed(self, look: RegionLook, platform: PlatformLook | None) -> Check:
        region = look.region
        name = f"{region} unharmed"
        bad = self._kinds(look)
        ill_before = self._kinds_before(region)
        worse = bad - ill_before if "unreachable" not in ill_before else NONE
        fewer = self._fewer_replicas(region, platform)
        detail = f"health {_answer(look.health)}"
        if worse:
            return Check(name=name, passed=False, detail=f"{', '.join(sorted(worse))} since the action: {detail}")
        if fewer:
            return Check(name=name, passed=False, detail=fewer)
        return Check(name=name, passed=True, detail=f"{'as bad as before' if bad else 'as before'}: {detail}")

    def _kinds_before(self, region: str) -> Kinds:
        kinds = {s.kind for s in self.incident.symptoms if s.region == region}
        health = self._before.get((region, "health"))
        if health is not None and health.value == 0:
            kinds |= {"health_fail", "unreachable"}
        return frozenset(kinds)

    def _fewer_replicas(self, region: str, platform: PlatformLook | None) -> str:
        before = self._before.get((region, "replicas_ready"))
        facts = platform.facts.get(region) if platform is not None else None
        if before is None or before.value is None or facts is None or facts.ready is None or facts.ready >= before.value:
            return ""
        if facts.desired is not None and facts.ready >= facts.desired:
            return ""
        return f"{facts.ready} replicas are ready, {before.value:.0f} were before the action"

    def _users(self, look: UsersLook) -> list[Check]:
        limits = thresholds(self._baselines, None, self._settings, strict=True)
        failing = judge_users(look, limits, self._settings)
        checks = []
        if look.probe is not None:
            by = look.probe.region
            right = by is None or by in self._expected.answering
            said = f"answered by {by}" if by else "who answered is not told"
            detail = f"public address {_answer(look.probe)}, {said}"
            if not right:
                detail += f"; {', '.join(sorted(self._expected.answering))} should answer"
            checks.append(Check(name="users reach it", passed=look.probe.ok and right, detail=detail))
        measured_before = self._before.get((None, "users_error_rate")) is not None
        if look.measured is not None:
            lost = look.measured is False and measured_before
            detail = _edge(look)
            checks.append(Check(name="users are served", passed=not failing and not lost, detail=detail))
        elif failing:
            checks.append(Check(name="users are served", passed=False, detail="the public address fails or is too slow"))
        return checks


def _answer(asked: Asked) -> str:
    return f"{asked.detail} in {asked.latency_ms:.0f} ms" if asked.status is not None else asked.detail


def _numbers(look: RegionLook) -> list[str]:
    rates = look.rates
    said = []
    if rates.p95_ms is not None:
        said.append(f"p95 {rates.p95_ms:.0f} ms")
    if rates.error_rate is not None:
        said.append(f"errors {rates.error_rate:.1%}")
    return said


def _edge(look: UsersLook) -> str:
    if not look.measured:
        return "the metrics of the public address can't be read"
    rates = look.rates
    if rates.error_rate is None:
        return "no user's request was measured yet"
    p95 = "" if rates.p95_ms is None else f", p95 {rates.p95_ms:.0f} ms"
    return f"{rates.errors:.0f} of {rates.requests:.0f} requests failed ({rates.error_rate:.1%}){p95}"
