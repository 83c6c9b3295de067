"""What a report says: the file of an incident as sections, in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from agents.durable.casefile import CaseFile
from agents.events import IncidentDiagnosed
from agents.incident import Incident
from overwatch_tui.describe import calls, describe
from overwatch_tui.report import measured
from overwatch_tui.report.acting import actions, verification
from overwatch_tui.report.deciding import decisions, evidence, hypotheses
from overwatch_tui.report.document import Block, Code, Document, Listing, Paragraph, Plots, Section, table, words
from overwatch_tui.report.summary import summary
from overwatch_tui.report.times import Moments, moments
from overwatch_tui.state import format as fmt
from overwatch_tui.state.words import cleared, symptoms

_TONES = {"resolved": "ok", "escalated": "fail"}


def document(case: CaseFile, made_at: datetime, version: str) -> Document:
    """The report of one incident, as it stood at `made_at`."""
    incident, when = case.incident, moments(case)
    sections = [
        Section("Summary", tuple(summary(case, when))),
        Section("Key times", tuple(_times(when))),
        Section("What was measured", tuple(_measured(case, when))),
        Section("Timeline", (_timeline(case, when),)),
        Section("Evidence", tuple(evidence(case))),
        Section("Hypotheses", tuple(hypotheses(case.events))),
        Section("Decisions", tuple(decisions(case.events))),
        Section("Actions", tuple(actions(case))),
        Section("Verification", tuple(verification(case.events))),
        Section("Tried and given up", tuple(_tried(incident))),
        Section("What it cost", tuple(_cost(case, when))),
        Section("Audit trail", tuple(_trail(case))),
    ]
    status = _status(incident)
    facts = (
        ("target", incident.target),
        ("symptoms", symptoms(incident.symptoms) or ("asked for by a person" if incident.manual else "none")),
        ("opened", _day(incident.opened_at)),
        *((("resolved", _day(incident.resolved_at)),) if incident.resolved_at else ()),
        ("report", f"made {_day(made_at)} by Overwatch {version}; all times are UTC"),
    )
    title = f"{incident.id} · {incident.target} · {incident.title}"
    return Document(title, status, _tone(incident), facts, tuple(s for s in sections if s.blocks))


def _tone(incident: Incident) -> str:
    return "warn" if incident.resolved_how == "closed" else _TONES.get(incident.status, "warn")


def _status(incident: Incident) -> str:
    if incident.resolved_how == "closed":
        return f"closed by {incident.closed_by}, not checked from outside"
    if incident.status == "resolved":
        return "resolved, verified from outside" if incident.resolved_how == "verified" else f"resolved: {cleared(incident)}"
    word = {"escalated": "a person was paged", "awaiting": "waits for a person"}.get(incident.status, incident.status)
    return f"OPEN ({word}): this report tells what is known so far"


def _times(when: Moments) -> Iterator[Block]:
    users = when.users
    decided = when.decided
    rows: list[tuple[str, str, str]] = [
        (
            "to detect",
            _took(when.began, when.opened),
            "from the first bad look, or the first symptom, to the opening",
        ),
        ("to diagnose", _took(when.opened, when.diagnosed), "from the opening to the cause"),
        ("to decide", _took(when.opened, decided), "from the opening to the decision that was carried out"),
        ("of which waiting", fmt.duration(when.waited.total_seconds()) if when.waited else fmt.UNKNOWN, "for a person"),
        ("to act", _took(decided, when.acted), "from the decision to the end of the last step"),
        ("to heal", _took(when.began, users.healed), "from the start to the first good look of users after which none failed"),
        ("to verify", _took(when.acted, when.verified), "from the last step to the check from outside"),
        ("in all", _took(when.began, when.ended), "from the start to the end"),
    ]
    yield table(("", "took", "what is measured"), rows, (1,))
    if users.failed is None:
        yield Paragraph(
            words("No look of users failed." if users.looks else "What users saw was not recorded, so healing can't be timed."),
            note=True,
        )


def _measured(case: CaseFile, when: Moments) -> Iterator[Block]:
    found = case.samples
    rows = measured.rows(case, when)
    if not rows:
        yield Paragraph(
            words(
                "Nothing was recorded around this incident: version 0.1.0 kept no measurements, and on a full disk none are kept."
            ),
            note=True,
        )
        return
    yield Plots()
    heads = ("", "p95 before", "at worst", "after", "errors before", "at worst", "after", "traffic before", "after")
    yield table(heads, rows, tuple(range(1, 9)))
    notes = []
    if found.lost:
        notes.append(f"{fmt.plural(found.lost, 'sample')} could not be kept while the database took nothing.")
    if found.step > 1:
        notes.append(f"Of a long incident, one measurement of {found.step} is shown.")
    if found.unread:
        notes.append(f"{fmt.plural(found.unread, 'row')} could not be read.")
    if notes:
        yield Paragraph(words(" ".join(notes)), note=True)


def _timeline(case: CaseFile, when: Moments) -> Block:
    records = sorted((*case.records, *case.switches), key=lambda record: record.seq)
    rows = [(f"{fmt.clock(r.event.time)}", _since(when.opened, r.event.time), r.event.source, describe(r.event)) for r in records]
    return table(("time", "after", "who", "what"), rows, (1,))


def _tried(incident: Incident) -> Iterator[Block]:
    if incident.tried:
        rows = [(str(tried.strategy.attempt), Code(calls(tried.strategy)), tried.result) for tried in incident.tried]
        yield table(("try", "plan", "what came of it"), rows, (0,))


def _cost(case: CaseFile, when: Moments) -> Iterator[Block]:
    sources = sorted({e.data.diagnosis.source for e in case.events if isinstance(e.data, IncidentDiagnosed)})
    models = [source for source in sources if source != "embedded"]
    if models:
        yield Paragraph(words(f"{', '.join(models)} was asked; the log does not keep how many tokens that took."))
    elif sources:
        yield Paragraph(words("No model was asked: the embedded reasoner did the thinking."))
    steps = [s for s in case.incident.steps if s.status == "succeeded"]
    undone = sum(s.undo for s in steps)
    changed = fmt.plural(len(steps) - undone, "change") + " of infrastructure"
    yield Paragraph(words(f"{changed}, {undone} undone; a person was waited for {fmt.duration(when.waited.total_seconds())}."))


def _trail(case: CaseFile) -> Iterator[Block]:
    if not case.records:
        yield Paragraph(words("The records of this incident are no longer kept."), note=True)
        return
    first, last = case.records[0], case.records[-1]
    yield Listing(
        (
            words(f"{fmt.plural(len(case.records), 'record')} of the log, number {first.seq} to {last.seq}"),
            words("first record:", Code(first.hash)),
            words("last record:", Code(last.hash)),
            words(f"head of the chain when this report was made: number {case.head[0]},", Code(case.head[1])),
        )
    )
    yield Paragraph(words(_VERIFY), note=True)


_VERIFY = "Each record holds the hash of the one before it: whoever has this hash can tell whether the log was changed since."


def _took(start: datetime | None, end: datetime | None) -> str:
    return fmt.UNKNOWN if start is None or end is None or end < start else fmt.duration((end - start).total_seconds())


def _since(start: datetime, at: datetime) -> str:
    apart = at - start
    return f"{'-' if apart < timedelta() else '+'}{fmt.duration(abs(apart.total_seconds()))}"


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z"
