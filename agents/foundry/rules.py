"""The symptom patterns of the fault classes: weighted questions, each with the observations that answer it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agents.foundry.signals import Answer, Signals, not_


@dataclass(frozen=True, slots=True)
class Question:
    """One line of a checklist. A `must` that fails rules the class out."""

    text: str
    weight: float
    answer: Answer
    must: bool = False


Rule = Callable[[Signals], Sequence[Question]]


def _others_well(s: Signals) -> Question:
    alone = s.get(None, "regions")
    if alone is not None and alone.value == 1:
        return Question("there is no other region", 2, Answer(holds=True, cites=(alone.id,)), must=True)
    cites = tuple(o.id for r in s.well for m in ("health", "probe_success") if (o := s.get(r, m)))
    return Question("the other regions are well", 2, Answer(bool(cites), cites), must=True)


def _one_region(s: Signals) -> Question:
    shown = s.symptom(s.sick, *s.kinds(s.sick[0])) if len(s.sick) == 1 else Answer(holds=False)
    return Question("one region shows symptoms", 1, shown, must=True)


def _complete(s: Signals) -> Question:
    return Question("the platform shows all replicas", 1, s.at_baseline(s.sick, "replicas_ready"))


def _trouble(s: Signals) -> Question:
    return Question("it is slow or errs", 2, s.symptom(s.sick, "latency", "errors"), must=True)


def crash(s: Signals) -> Sequence[Question]:
    """A replica is missing while others serve."""
    return (
        Question("a replica is missing", 4, s.short_of_baseline(s.sick, "replicas_ready"), must=True),
        Question("another replica serves", 1, s.above(s.sick, "replicas_ready", 1)),
        _one_region(s),
        _others_well(s),
    )


def region_down(s: Signals) -> Sequence[Question]:
    """The region answers nobody."""
    return (
        Question("its health check fails or is silent", 4, s.symptom(s.sick, "health_fail", "unreachable"), must=True),
        Question("the last looks at what users use failed", 2, s.symptom(s.sick, "errors", "unreachable"), must=True),
        Question("its database check does not fail by itself", 1, not_(s.below(s.sick, "health_checks_database", 0))),
        Question("what it answers is not merely slow", 2, not_(s.symptom(s.sick, "latency")), must=True),
        Question("its replicas are not just missing", 1, not_(s.short_of_baseline(s.sick, "replicas_ready"))),
        _one_region(s),
        _others_well(s),
    )


def process_degraded(s: Signals) -> Sequence[Question]:
    """Slow and erring, with everything around it well."""
    return (
        _trouble(s),
        Question("its database check passes", 1, not_(s.below(s.sick, "health_checks_database", 0))),
        Question("no more requests than usual", 1, not_(s.risen(s.sick, "rps", 2))),
        Question("the pool of connections has room", 1, not_(s.above(s.sick, "pool_utilisation", 0.95))),
        Question("the processors have room", 1, not_(s.above(s.sick, "cpu", 90))),
        Question("memory is as it was", 1, not_(s.risen(s.sick, "rss", 2))),
        Question("no new release", 1, not_(s.above(s.sick, "app_version_changed", 1))),
        Question("the platform shows all replicas", 2, s.at_baseline(s.sick, "replicas_ready"), must=not s.without_platform),
        Question("its health check does not fail outright", 1, not_(s.symptom(s.sick, "health_fail", "unreachable")), must=True),
        _one_region(s),
        _others_well(s),
    )


def shared_dependency(s: Signals) -> Sequence[Question]:
    """The same trouble everywhere."""
    kinds = [s.kinds(r) for r in s.sick]
    same = bool(kinds) and bool(frozenset.intersection(*kinds))
    shown = [s.symptom((r,), *s.kinds(r)) for r in s.sick]
    every = tuple(c for answer in shown for c in answer.cites)
    several = all(answer.holds for answer in shown) if len(shown) > 1 else False
    count = s.get(None, "regions")
    all_of_them = None if count is None or count.value is None else len(s.sick) >= count.value
    return (
        Question("several regions show symptoms", 4, Answer(several, every), must=True),
        Question("no region is well", 2, Answer(all_of_them, (count.id,) if count is not None else ())),
        Question("they show the same symptoms", 2, Answer(same and several, every)),
        Question("no replica is missing", 1, not_(s.short_of_baseline(s.sick, "replicas_ready"))),
    )


def dependency_down(s: Signals) -> Sequence[Question]:
    """The database check of one region fails."""
    return (
        Question("its database check fails", 4, s.below(s.sick, "health_checks_database", 0), must=True),
        Question("its health check says so itself", 1, s.symptom(s.sick, "health_fail")),
        _one_region(s),
        _others_well(s),
    )


def capacity(s: Signals) -> Sequence[Question]:
    """More requests, busy processors, slow answers."""
    return (
        Question("more requests than usual", 3, s.risen(s.sick, "rps", 1.5), must=True),
        Question("the processors are busy", 3, s.above(s.sick, "cpu", 75), must=True),
        Question("answers are slow", 2, s.symptom(s.sick, "latency")),
        Question("no new release", 1, not_(s.above(s.sick, "app_version_changed", 1))),
    )


def code_defect(s: Signals) -> Sequence[Question]:
    """Busy processors at a usual rate of requests."""
    return (
        Question("the processors are busy", 3, s.above(s.sick, "cpu", 90), must=True),
        Question("no more requests than usual", 3, not_(s.risen(s.sick, "rps", 1.3)), must=True),
        Question("answers are slow", 2, s.symptom(s.sick, "latency")),
    )


def bad_deploy(s: Signals) -> Sequence[Question]:
    """Trouble that began with a new release."""
    return (
        Question("the release has just changed", 4, s.above(s.sick, "app_version_changed", 1), must=True),
        Question("it errs or is not well", 2, s.symptom(s.sick, "errors", "health_fail", "replicas_missing", "latency")),
        Question("no more requests than usual", 1, not_(s.risen(s.sick, "rps", 2))),
    )


def connection_exhaustion(s: Signals) -> Sequence[Question]:
    """The pool is used up."""
    return (
        Question("the pool of connections is used up", 4, s.above(s.sick, "pool_utilisation", 0.95), must=True),
        _trouble(s),
        Question("the processors are not busy", 1, s.below(s.sick, "cpu", 60)),
    )


def resource_leak(s: Signals) -> Sequence[Question]:
    """Memory has grown far above its baseline."""
    return (
        Question("memory has grown far", 4, s.risen(s.sick, "rss", 2), must=True),
        Question("it is slow, errs or lost a replica", 2, s.symptom(s.sick, "latency", "errors", "replicas_missing")),
        Question("no more requests than usual", 1, not_(s.risen(s.sick, "rps", 1.5))),
    )


def observer_fault(s: Signals) -> Sequence[Question]:
    """The watcher can't see what users use without trouble."""
    users = s.get(None, "users_error_rate")
    fine = Answer(None if users is None or users.value is None else users.value < 0.01, (users.id,) if users else ())
    return (
        Question("users are served without error", 4, fine, must=True),
        Question("users are in that region", 2, s.above(s.sick, "traffic", 1), must=True),
        Question("the watcher can't reach it", 3, s.symptom(s.sick, "unreachable"), must=True),
        Question("the platform shows all replicas", 1, s.at_baseline(s.sick, "replicas_ready")),
    )


def probe_defect(s: Signals) -> Sequence[Question]:
    """The health check fails while everything that users use works."""
    return (
        Question("the health check fails", 3, s.symptom(s.sick, "health_fail"), must=True),
        Question("what users use works there", 4, s.above(s.sick, "probe_success", 0.99), must=True),
        Question("it neither errs nor is slow", 2, not_(s.symptom(s.sick, "errors", "latency", "users_failing")), must=True),
    )


RULES: dict[str, Rule] = {
    "crash": crash,
    "region_down": region_down,
    "process_degraded": process_degraded,
    "shared_dependency": shared_dependency,
    "dependency_down": dependency_down,
    "capacity": capacity,
    "code_defect": code_defect,
    "bad_deploy": bad_deploy,
    "connection_exhaustion": connection_exhaustion,
    "resource_leak": resource_leak,
    "observer_fault": observer_fault,
    "probe_defect": probe_defect,
}
