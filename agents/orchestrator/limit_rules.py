"""What has to hold for a plan to be carried out without a person: how sure it is, how far it reaches, how often it was done.

Moments that are still to come (the clock was set back) count as just past: that is the stricter reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from agents.facts import Action
from agents.orchestrator.case import Case, Rule, Said
from agents.orchestrator.history import DAY, Performed

HOUR = timedelta(hours=1)


def _threshold(case: Case) -> Said:
    confidence, threshold = case.strategy.confidence, case.policy.threshold
    if not confidence.value > threshold:
        yield "ask", f"confidence {confidence.value:.2f} is not above {threshold:.2f}"
    else:
        yield "allow", f"confidence {confidence.value:.2f} is above {threshold:.2f}"


def _outcomes(case: Case) -> Said:
    outcomes, wanted = case.strategy.confidence.outcomes, case.policy.min_outcomes
    if not outcomes >= wanted:
        yield "ask", f"only {_counted(_rounded_down(outcomes))}, {wanted:g} {'is' if wanted == 1 else 'are'} asked for"
    else:
        said = _counted(f"{outcomes:.0f}")
        yield "allow", f"{said} {'stands' if said.startswith('1 ') else 'stand'} behind it"


def _counted(number: str) -> str:
    return f"{number} verified outcome" + ("" if number == "1" else "s")


def _rounded_down(outcomes: float) -> str:
    """Old outcomes weigh less: 4.99 of 5 must not read as 5."""
    return f"{int(outcomes * 10) / 10:g}"


def _reversible(case: Case) -> Said:
    one_way = []
    for action in case.acts:
        spec = case.catalogue.action(action.kind)
        if not spec.reversible or (action.call is not None and action.inverse is None and not spec.harmless):
            one_way.append(action.kind)
    for kind in one_way:
        yield "ask", f"{kind} can't be taken back"
    if not one_way:
        yield "allow", "every action can be taken back"


def _blast_radius(case: Case) -> Said:
    reach, limit = case.strategy.blast_radius, case.policy.max_blast_radius
    if not reach <= limit:
        yield "ask", f"it touches {reach:.0%} of users, above {limit:.0%}"
    else:
        yield "allow", f"it touches {reach:.0%} of users"


def _here(case: Case) -> list[Performed]:
    return [done for done in case.history.performed if done.target == case.incident.target]


def _same(case: Case, action: Action) -> list[Performed]:
    """What was done before of the same kind, on the same region."""
    region = action.call.region if action.call else None
    return [done for done in _here(case) if done.kind == action.kind and done.region == region]


def _within(case: Case, span: timedelta, done: list[Performed]) -> list[Performed]:
    return [one for one in done if case.now - one.at < span]


def _per_action(case: Case) -> Said:
    limit = case.policy.actions_per_hour
    for action in case.acts:
        done = len(_within(case, HOUR, _same(case, action)))
        if done >= limit:
            yield "ask", f"{action.kind} was done {_times(done)} in the last hour, {limit} are allowed"
        else:
            yield "allow", f"{action.kind} was done {_times(done)} in the last hour, of {limit}"


def _cool_down(case: Case) -> Said:
    span = timedelta(seconds=case.policy.cool_down_s)
    for action in case.acts:
        last = max((done.at for done in _same(case, action)), default=None)
        if last is not None and case.now - last < span:
            ago = (case.now - last).total_seconds()
            yield "ask", f"{action.kind} was done there {ago:.0f} s ago, the cool-down is {span.total_seconds():.0f} s"
        else:
            yield "allow", f"{action.kind} has cooled down"


def _give_up(case: Case) -> Said:
    limit = case.policy.give_up_after
    for action in case.acts:
        tries = [done for done in _within(case, DAY, _same(case, action)) if done.helped is False and not done.undo]
        if len(tries) >= limit:
            yield (
                "ask",
                f"{action.kind} did not help there {_times(len(tries))} within a day: it is not tried again without a person",
            )
        else:
            yield "allow", f"{action.kind} failed there {_times(len(tries))} within a day, of {limit}"


def _clock(case: Case) -> Said:
    """Every age that the other rules reckon with is wrong after the clock was set."""
    if case.history.clock:
        yield "ask", case.history.clock
    else:
        yield "allow", "the clock is trusted"


def _budget(case: Case, span: timedelta, limit: int, words: str) -> Said:
    done, wanted = len(_within(case, span, _here(case))), len(case.acts)
    if done + wanted > limit:
        yield "ask", f"{_actions(done)} done on {case.incident.target} {words}, {limit} are allowed"
    else:
        yield "allow", f"{_actions(done)} done on {case.incident.target} {words}, of {limit}"


def _hourly(case: Case) -> Said:
    return _budget(case, HOUR, case.policy.hourly_budget, "in the last hour")


def _daily(case: Case) -> Said:
    return _budget(case, DAY, case.policy.daily_budget, "in the last 24 hours")


def _moves(case: Case) -> Iterator[Action]:
    return (action for action in case.acts if action.call is not None and action.call.tool == "switch_traffic")


def _moved(case: Case) -> list[Performed]:
    return [done for done in _here(case) if done.kind in {"failover_region", "switch_traffic"}]


def _hold_down(case: Case) -> Said:
    if not any(_moves(case)):
        return
    span = timedelta(seconds=case.policy.hold_down_s)
    last = max((done.at for done in _moved(case)), default=None)
    if last is not None and case.now - last < span:
        ago = (case.now - last).total_seconds()
        yield "ask", f"traffic was moved {ago:.0f} s ago, the hold-down is {span.total_seconds():.0f} s"
    else:
        yield "allow", "traffic was not moved within the hold-down"


def _switches(case: Case) -> Said:
    wanted = len(list(_moves(case)))
    if not wanted:
        return
    limit, window = case.policy.max_switches, case.policy.switch_window_s
    done = len(_within(case, timedelta(seconds=window), _moved(case)))
    if done + wanted > limit:
        yield "ask", f"traffic was moved {_times(done)} within {window:.0f} s, {limit} are allowed"
    else:
        yield "allow", f"traffic was moved {_times(done)} within {window:.0f} s, of {limit}"


LIMIT_RULES = (
    Rule("confidence.threshold", _threshold, doubt=True, ground=True),
    Rule("record.outcomes", _outcomes, doubt=True, ground=True),
    Rule("reversible", _reversible, doubt=True, ground=True),
    Rule("blast_radius", _blast_radius, doubt=True, ground=True),
    Rule("budget.action", _per_action, doubt=True),
    Rule("cool_down", _cool_down, doubt=True),
    Rule("give_up", _give_up, doubt=True),
    Rule("budget.hour", _hourly, doubt=True),
    Rule("budget.day", _daily, doubt=True),
    Rule("hold_down", _hold_down, doubt=True),
    Rule("switches.window", _switches, doubt=True),
    Rule("clock", _clock, doubt=True),
)
"""What has to hold for a plan to be carried out without a person."""


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _actions(count: int) -> str:
    return "1 action was" if count == 1 else f"{count} actions were"
