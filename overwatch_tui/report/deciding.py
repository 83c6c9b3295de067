"""The sections about thinking: evidence, hypotheses, plans, decisions and what each of them rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agents.durable.casefile import CaseFile
from agents.events import (
    ApprovalDecided,
    ApprovalRequested,
    Event,
    IncidentDiagnosed,
    IncidentEscalated,
    IncidentUpdated,
    StrategyApproved,
    StrategyEdited,
    StrategyProposed,
    StrategyRefused,
)
from agents.facts import Basis, Diagnosis, Strategy
from overwatch_tui.describe import calls
from overwatch_tui.report.document import Block, Cell, Code, Heading, Listing, Paragraph, Strong, table, words
from overwatch_tui.state import format as fmt
from overwatch_tui.state.words import blast_radius, confidence, outcomes, undo_line


def evidence(case: CaseFile) -> Iterator[Block]:
    """What was seen, the cited first."""
    cited = {id_ for event in case.events if isinstance(event.data, IncidentDiagnosed) for id_ in event.data.diagnosis.cites}
    seen = sorted(case.incident.observations, key=lambda o: (o.id not in cited, o.at))
    if seen:
        rows = [
            (Strong("cited") if o.id in cited else "not cited", fmt.clock(o.at), o.region or "users", o.metric, o.text)
            for o in seen
        ]
        yield table(("", "time", "where", "metric", "what was seen"), rows)


def hypotheses(events: Sequence[Event]) -> Iterator[Block]:
    """What each diagnosis held to be the cause, and what it ruled out."""
    found = [(event.time, event.data.diagnosis) for event in events if isinstance(event.data, IncidentDiagnosed)]
    for at, diagnosis in found:
        if len(found) > 1:
            yield Heading(words(f"At {fmt.clock(at)}"))
        yield from _diagnosis(diagnosis)


def cause(found: Diagnosis) -> str:
    """The cause, with the regions where it does not name them itself."""
    where = ", ".join(region for region in found.regions if region not in found.cause)
    return f"in {where}: {found.cause}" if where else found.cause


def _diagnosis(found: Diagnosis) -> Iterator[Block]:
    word = "" if found.word is None else f" The model's own word is {found.word:.2f}."
    by = "the embedded reasoner" if found.source == "embedded" else found.source
    yield Paragraph(
        words(
            Strong(f"{found.fault_class}:"),
            f"{cause(found)}.",
            f"Evidence {found.evidence:.2f}, by {by}.{word}",
        )
    )
    ranked = sorted(found.hypotheses, key=lambda h: (h.ruled_out, -h.probability))
    rows = [
        (h.fault_class, f"{h.probability:.2f}", Strong("ruled out") if h.ruled_out else "possible", h.why, ", ".join(h.cites))
        for h in ranked
    ]
    if rows:
        yield table(("fault class", "rank", "", "why", "cites"), rows, (1,))


def decisions(events: Sequence[Event]) -> Iterator[Block]:
    """Each plan and each decision, with every reason."""
    known = plans(events)
    for event in events:
        at, data = fmt.clock(event.time), event.data
        match data:
            case StrategyProposed():
                yield Heading(words(f"{at}: {event.source} proposes", Code(calls(data.strategy))))
                yield from _plan(data.strategy)
            case StrategyEdited():
                yield Heading(words(f"{at}: {data.by} edits it:", Code(calls(data.strategy))))
                yield from _plan(data.strategy)
            case ApprovalRequested():
                yield Heading(words(f"{at}: {event.source} asks a person, until {fmt.clock(data.deadline)}"))
                yield _reasons(data.reasons, data.basis)
                yield Paragraph(_terms(data))
            case ApprovalDecided():
                what = calls(known[data.strategy]) if data.strategy in known else data.strategy
                yield Heading(words(f"{at}: {_answer(data)}", Code(what)))
                if data.reason:
                    yield Paragraph(words(data.reason))
            case StrategyApproved():
                yield Heading(words(f"{at}: approved by {data.by}:", Code(calls(data.strategy))))
                yield _reasons(data.reasons, data.basis)
            case StrategyRefused():
                yield Heading(words(f"{at}: refused by {data.by}"))
                yield _reasons(data.reasons, data.basis)
            case IncidentUpdated(anew=why) if why:
                yield Heading(words(f"{at}: {event.source} has the plan made anew"))
                yield _reasons((why,), None)
            case IncidentEscalated():
                yield Heading(words(f"{at}: {event.source} pages a person"))
                yield _reasons((data.reason,), data.basis)
            case _:
                pass


def plans(events: Sequence[Event]) -> dict[str, Strategy]:
    """Each plan by its id: what was proposed, and what a person made of it."""
    made = (event.data for event in events)
    return {data.strategy.id: data.strategy for data in made if isinstance(data, StrategyProposed | StrategyEdited)}


def _answer(data: ApprovalDecided) -> str:
    if data.by == "deadline":
        return "nobody decided in time about"
    return f"{data.by} {'approves' if data.approved else 'rejects'}"


def _terms(data: ApprovalRequested) -> Cell:
    who = f" of {', '.join(data.approvers)}" if data.approvers else ""
    people = f"{fmt.plural(data.needs, 'person').replace('persons', 'people')}{who} had to approve."
    return words(people, "Bound to", Code(data.binding[:16]), f"(the plan and the incident's version); request {data.approval}.")


def _plan(plan: Strategy) -> Iterator[Block]:
    record = f"{outcomes(plan.confidence.outcomes)} behind the record"
    items = [
        words(f"why: {plan.rationale}"),
        words(f"expected: {plan.expected_effect}"),
        words(f"undo: {undo_line(plan)}"),
        words(f"confidence {confidence(plan.confidence)}; {record}"),
        words(f"touches {blast_radius(plan.blast_radius)}"),
    ]
    if plan.requested_by:
        items.append(words(f"asked for by {plan.requested_by}"))
    yield Listing(tuple(items))


def _reasons(reasons: Sequence[str], basis: Basis | None) -> Block:
    if basis is None or not basis.findings:
        return Listing(tuple(words(reason) for reason in reasons) or (words("no reason was given"),))
    rows = [(Code(finding.rule), finding.effect, finding.text) for finding in basis.findings]
    return table(("rule", "says", "why"), rows)
