"""One incident in full: what was seen, what it is and is not, what would be done, what was done, and whether it helped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from overwatch_tui.state import format as fmt
from overwatch_tui.state.format import Glyphs
from overwatch_tui.state.models import Line, Piece, Tone
from overwatch_tui.state.words import blast_radius, call_line, confidence, given, outcomes, plan, symptoms, undo_line

if TYPE_CHECKING:
    from agents.facts import Check, Diagnosis, Hypothesis, Observation, Strategy
    from agents.incident import Incident
    from agents.records import Approval, Step

LABEL = 14
"""The width of the labels' column."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its lines; the rest of a wrapped line stands in by `indent`."""

    title: str
    lines: tuple[Line, ...]
    indent: int = LABEL


def dossier(incident: Incident, now: datetime, glyphs: Glyphs) -> tuple[Section, ...]:
    """The sections that have something to say, in the order of the incident's life."""
    sections = [Section("", tuple(_head(incident, now, glyphs)))]
    if incident.approval is not None and incident.strategy is not None and incident.status == "awaiting":
        sections.append(Section("Waits for you", tuple(_approval(incident, now))))
    if incident.diagnosis is not None:
        sections.append(Section("Diagnosis", tuple(_diagnosis(incident.diagnosis))))
        sections.append(Section("Hypotheses", tuple(_hypotheses(incident.diagnosis.hypotheses, glyphs)), 4))
    cited = frozenset(incident.diagnosis.cites) if incident.diagnosis is not None else frozenset()
    sections.append(Section("Evidence", tuple(_evidence(incident.observations, cited, glyphs)), 4))
    if incident.strategy is not None:
        sections.append(Section("Plan", tuple(_strategy(incident.strategy))))
    if incident.decided_by:
        sections.append(Section("Decision", tuple(_decision(incident))))
    if incident.steps:
        sections.append(Section("Actions", tuple(_steps(incident.steps, glyphs)), 4))
    if incident.checks:
        sections.append(Section("Verification", tuple(_checks(incident.checks, glyphs)), 4))
    if incident.tried:
        sections.append(Section("Tried before", tuple(_tried(incident)), 4))
    sections.append(Section("What it took", tuple(_cost(incident, now))))
    return tuple(section for section in sections if section.lines)


def _label(name: str) -> Piece:
    return (f"  {name}".ljust(LABEL), "muted")


def _head(incident: Incident, now: datetime, glyphs: Glyphs) -> Iterator[Line]:
    glyph, word, tone = fmt.status(incident.status, glyphs)
    yield ((incident.id, "accent"), (f"  {incident.title}", "strong"))
    yield (_label("status"), (f"{glyph} {word}", tone))
    yield (_label("target"), (incident.target, "plain"))
    if incident.symptoms:
        yield (_label("symptoms"), (symptoms(incident.symptoms), "plain"))
    ended = incident.resolved_at
    age = fmt.duration(((ended or now) - incident.opened_at).total_seconds())
    yield (_label("opened"), (f"{incident.opened_at:%Y-%m-%d %H:%M:%S}Z, {'took' if ended else 'for'} {age}", "plain"))
    if incident.escalation:
        yield (_label("paged"), (incident.escalation, "fail"))
    if incident.closed_by:
        yield (
            _label("closed"),
            (f"by {incident.closed_by}, not checked from outside: {incident.closed_because}", "warn"),
        )
    if incident.failover_to:
        yield (_label("asked for"), (f"failover to {incident.failover_to}, by {incident.failover_by}", "plain"))


def _approval(incident: Incident, now: datetime) -> Iterator[Line]:
    approval, strategy = incident.approval, incident.strategy
    if approval is None or strategy is None:
        return
    left = (approval.deadline - now).total_seconds()
    typed = f", typing {approval.confirm}" if approval.confirm else ""
    yield (_label("decide"), (f"a approves{typed}, x rejects", "strong"), (f", within {fmt.remaining(left)}", "warn"))
    if approval.needs > 1:
        yield (_label("people"), (given(approval.people, approval.needs), "warn"))
    yield from _given(approval)
    if approval.approvers:
        yield (_label("may approve"), (", ".join(approval.approvers), "plain"))
    for reason in approval.reasons:
        yield (_label("because"), (reason, "plain"))
    yield (_label("bound to"), (f"{approval.binding[:16]} (this plan, this version)", "muted"))


def _given(approval: Approval) -> Iterator[Line]:
    for person, at in zip(approval.given, approval.given_at, strict=False):
        yield (_label("approved"), (f"{person} at {fmt.clock(at)}", "ok"))


def _diagnosis(found: Diagnosis) -> Iterator[Line]:
    yield (_label("class"), (found.fault_class, "strong"), (f"  in {', '.join(found.regions) or 'no region'}", "plain"))
    yield (_label("cause"), (found.cause, "plain"))
    word = "" if found.word is None else f", the model says {found.word:.2f}"
    yield (_label("evidence"), (f"{found.evidence:.2f}{word}", "plain"), (f"  by {found.source}", "muted"))


def _hypotheses(hypotheses: Sequence[Hypothesis], glyphs: Glyphs) -> Iterator[Line]:
    for hypothesis in sorted(hypotheses, key=lambda h: (h.ruled_out, -h.probability)):
        filled, rest = fmt.bar(hypothesis.probability * 100, 10, glyphs)
        out = hypothesis.ruled_out
        tone: Tone = "muted" if out else "plain"
        yield (
            ("  ", "plain"),
            (filled, "muted" if out else "accent"),
            (rest, "muted"),
            (f" {hypothesis.probability:.2f} ", tone),
            (hypothesis.fault_class, "muted" if out else "strong"),
            (" ruled out" if out else "", "warn"),
            (f"  {hypothesis.why}", tone),
        )


def _evidence(observations: Sequence[Observation], cited: frozenset[str], glyphs: Glyphs) -> Iterator[Line]:
    for seen in sorted(observations, key=lambda o: (o.id not in cited, o.at)):
        mark: Piece = (f"  {glyphs.ok} ", "accent") if seen.id in cited else ("    ", "plain")
        yield (
            mark,
            (f"{fmt.clock(seen.at)} ", "muted"),
            (f"{seen.region or 'users'} ", "strong"),
            (f"{seen.metric} ", "accent"),
            (seen.text, "plain"),
        )


def _strategy(strategy: Strategy) -> Iterator[Line]:
    for n, step in enumerate(strategy.actions, 1):
        yield (_label(f"step {n}"), (step.kind, "strong"), (f"  {call_line(step)}" if step.call is not None else "", "plain"))
    yield (_label("undo"), (undo_line(strategy), "plain"))
    yield (_label("confidence"), (confidence(strategy.confidence), "plain"))
    yield (_label("record"), (f"{outcomes(strategy.confidence.outcomes)} behind it", "muted"))
    yield (_label("touches"), (blast_radius(strategy.blast_radius), "plain"))
    yield (_label("why"), (strategy.rationale, "plain"))
    yield (_label("expected"), (strategy.expected_effect, "plain"))


def _decision(incident: Incident) -> Iterator[Line]:
    at = f" at {fmt.clock(incident.decided_at)}" if incident.decided_at is not None else ""
    yield (_label("by"), (f"{incident.decided_by}{at}", "strong"))
    if incident.approval is not None and incident.strategy is not None and incident.approval.strategy == incident.strategy.id:
        yield from _given(incident.approval)
    for reason in incident.reasons:
        yield (_label("because"), (reason, "plain"))


def _steps(steps: Sequence[Step], glyphs: Glyphs) -> Iterator[Line]:
    for step in steps:
        tone: Tone = {"succeeded": "ok", "failed": "fail"}.get(step.status, "warn")  # type: ignore[assignment] # mypy widens the values of a literal dict
        glyph = glyphs.ok if tone == "ok" else glyphs.fail if tone == "fail" else glyphs.warn
        yield (
            (f"  {glyph} {step.status:<10}", tone),
            (f"{fmt.clock(step.at)} ", "muted"),
            ("undo: " if step.undo else "", "warn"),
            (step.summary, "plain"),
            (f"  ({step.executor}, {step.operation})", "muted"),
        )
        if step.command:
            yield (("    $ ", "muted"), (step.command, "accent"))


def _checks(checks: Sequence[Check], glyphs: Glyphs) -> Iterator[Line]:
    for check in checks:
        mark: Piece = (f"  {glyphs.ok} passed ", "ok") if check.passed else (f"  {glyphs.fail} FAILED ", "fail")
        yield (mark, (check.name, "strong"), (f"  {check.detail}", "plain"))


def _tried(incident: Incident) -> Iterator[Line]:
    for tried in incident.tried:
        yield (("  " + plan(tried.strategy), "plain"), (f"  {tried.result}", "muted"))


def _cost(incident: Incident, now: datetime) -> Iterator[Line]:
    moments = (
        ("to diagnose", incident.opened_at, incident.diagnosed_at),
        ("to decide", incident.diagnosed_at, incident.decided_at),
        ("to act", incident.decided_at, incident.steps[-1].at if incident.steps else None),
        ("in all", incident.opened_at, incident.resolved_at),
    )
    for name, start, end in moments:
        if start is not None and end is not None and end >= start:
            yield (_label(name), (fmt.duration((end - start).total_seconds()), "plain"))
    plans = [tried.strategy for tried in incident.tried]
    if incident.strategy is not None:
        plans.append(incident.strategy)
    attempts = {one.id for one in plans if any(action.call is not None for action in one.actions)}
    if attempts:
        changes = sum(not step.undo and step.status != "refused" for step in incident.steps)
        undone = sum(step.undo and step.status == "succeeded" for step in incident.steps)
        yield (_label("attempts"), (f"{len(attempts)}, {fmt.plural(changes, 'action')}, {undone} undone", "plain"))
    if incident.resolved_at is None:
        yield (_label("so far"), (fmt.duration((now - incident.opened_at).total_seconds()), "plain"))
