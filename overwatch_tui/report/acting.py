"""The sections about acting: each step with its inverse, and what was checked from outside after it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from agents.durable.casefile import CaseFile, Intent
from agents.events import ActionFinished, Event, RollbackFinished, VerificationFailed, VerificationPassed
from agents.facts import Action, Call
from overwatch_tui.report.deciding import plans
from overwatch_tui.report.document import Block, Cell, Code, Heading, Listing, Paragraph, Strong, table, words
from overwatch_tui.state import format as fmt

_SHOWN_STATE = 400
"""Characters of the state before that are shown."""


def actions(case: CaseFile) -> Iterator[Block]:
    """Each step: the call, its result, its inverse, and how things stood before."""
    known = plans(case.events)
    intents = {intent.operation: intent for intent in case.intents}
    for event in case.events:
        data = event.data
        if not isinstance(data, ActionFinished):
            continue
        plan = known.get(data.strategy)
        action = plan.actions[data.step] if plan is not None and 0 <= data.step < len(plan.actions) else None
        intent = intents.get(data.operation)
        head = f"{fmt.clock(event.time)}: {'undo, ' if data.undo else ''}{data.status}, by {data.executor}"
        yield Heading(words(head))
        yield Listing(tuple(_step(data, action, intent)))


def _step(data: ActionFinished, action: Action | None, intent: Intent | None) -> Iterator[Cell]:
    call = (action.inverse if data.undo else action.call) if action is not None else None
    if call is not None:
        yield words("call:", Code(call.describe()))
    yield words(f"result: {data.summary}")
    if data.command:
        yield words("the same by hand:", Code(data.command))
    if not data.undo:
        yield words("undo:", *_undo(action, intent))
    if intent is not None:
        yield words("state before:", Code(_short(intent.state_before)))
    yield words("operation:", Code(data.operation))


def _undo(action: Action | None, intent: Intent | None) -> Cell:
    if intent is not None and intent.inverse:
        try:
            return (Code(Call.model_validate_json(intent.inverse).describe()), "(written down before the call)")
        except ValueError:
            return (Code(intent.inverse), "(written down before the call)")
    if action is None or action.call is None:
        return ("nothing to undo",)
    if action.inverse is not None:
        return (Code(action.inverse.describe()),)
    return ("nothing to undo: the configuration stays as it was" if action.harmless else "can't be undone",)


def _short(raw: str) -> str:
    try:
        shown = json.dumps(json.loads(raw), ensure_ascii=False, separators=(", ", ": "))
    except ValueError:
        shown = raw
    return fmt.shorten(shown, _SHOWN_STATE)


def verification(events: Sequence[Event]) -> Iterator[Block]:
    """What was checked from outside, and what was taken back after it."""
    for event in events:
        data = event.data
        if isinstance(data, VerificationPassed | VerificationFailed):
            passed = isinstance(data, VerificationPassed)
            yield Heading(words(f"{fmt.clock(event.time)}: {'passed' if passed else 'did not pass'}, checked from outside"))
            rows = [("passed" if c.passed else Strong("FAILED"), c.name, c.detail) for c in data.checks]
            if rows:
                yield table(("", "check", "what was seen"), rows)
        elif isinstance(data, RollbackFinished):
            complete = "taken back" if data.complete else "NOT ALL could be taken back"
            yield Heading(words(f"{fmt.clock(event.time)}: {complete}"))
            yield Paragraph(words(data.summary))
