"""An incident of the story in a real database, with what was measured around it: what reports and recordings are made from."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from agents.clock import SystemClock
from agents.durable import casefile, samples
from agents.durable.casefile import CaseFile
from agents.durable.samples import EVERYBODY, Sample
from agents.durable.store import Store
from agents.events import Event
from agents.incident import evolve
from agents.telemetry import AgentState, SwarmState, Thought
from overwatch_tui.replay.recording import Recording, lines, read
from tests.overwatch_tui import story

MADE = story.at(60)


def measured(*, broken: tuple[int, int] = (6, 18), until: int = 40) -> list[Sample]:
    """A look each second at both regions and at users; east is broken between these seconds, and left at second 17."""
    found: list[Sample] = [*story.agent_states(-30), story.swarm_state(-30)]
    for n in range(-30, until):
        sick, moved = broken[0] <= n < broken[1], n >= 17
        found.append(story.region_sample("east", n, broken=sick, traffic=0 if moved else 100, n=n))
        found.append(story.region_sample("west", n, traffic=100 if moved else 0, n=n + 9))
        found.append(story.users_sample(n, broken=sick and not moved, region="west" if moved else "east", n=n))
    return found + list(story.thoughts())


def case(
    folder: Path, *chapters: str, looks: Sequence[Sample] | None = None, extra: Sequence[Event] = (), events: Sequence[Event] = ()
) -> CaseFile:
    """The file of INC-7 after these chapters, from a database of its own."""

    async def made() -> CaseFile:
        store = await Store.open(folder / "overwatch.db", exclusive=True, clock=SystemClock())
        try:
            await store.append([*(events or story.told(*chapters)), *extra])
            rows = [(_target(item), item) for item in (measured() if looks is None else looks)]
            await store.database.run(lambda connection: samples.write(connection, rows, at=MADE))
            found = await store.database.run(lambda connection: casefile.read(connection, "INC-7"))
            assert found is not None
            return found
        finally:
            await store.close()

    return asyncio.run(made())


def case_of_events(case: CaseFile, events: Sequence[Event]) -> CaseFile:
    """The same file, had these events been in it: what no agent would say is folded as the log would."""
    incident = None
    for event in events:
        incident = evolve(incident, event)
    assert incident is not None
    records = tuple(replace(record, event=event) for record, event in zip(case.records, events, strict=True))
    return replace(case, incident=incident, records=records)


def file(folder: Path, *chapters: str, looks: Sequence[Sample] | None = None) -> Path:
    """A recording of INC-7 after these chapters."""
    path = folder / "INC-7.jsonl"
    path.write_bytes(b"".join(lines(case(folder, *chapters, looks=looks), MADE, "0.2.0")))
    return path


def recording(folder: Path, *chapters: str, looks: Sequence[Sample] | None = None) -> Recording:
    """The same, read back."""
    return read(file(folder, *chapters, looks=looks))


def hostile(sample: Sample, text: str) -> Sample:
    """A sample whose words are these."""
    return replace(sample, **{"text" if isinstance(sample, Thought) else "detail": text})


def _target(item: Sample) -> str:
    return EVERYBODY if isinstance(item, AgentState | SwarmState) else "demo"
