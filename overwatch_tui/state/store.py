"""The reducer: a batch of the buffer folded into the next `State`. No clock, no I/O, no screen.

Incidents are folded by `agents.incident.evolve`, as the agents do it, so what is shown is what the log says. Live events wait
until the history has been folded, because they answer it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from agents.events import AutomationArmed, AutomationPaused, Event
from agents.incident import IllegalTransitionError, Incident, evolve
from agents.sanitize import clean
from agents.scores import Calibration
from agents.telemetry import AgentState, RegionSample, SwarmState, Thought
from overwatch_tui.bridge.buffer import Batch, HistoryLoaded, Rewound
from overwatch_tui.state.describe import tell
from overwatch_tui.state.models import (
    ApprovalView,
    Entry,
    HostView,
    Paragraph,
    RegionView,
    State,
    TargetView,
    Tone,
    UsersView,
)
from overwatch_tui.state.words import blast_radius, call_line, confidence, given, undo_line

ENTRIES = 2_000
INCIDENTS = 500
PARAGRAPHS = 200
PARAGRAPH_CHARS = 20_000
POINTS = 60
SEEN = 20_000
NAME = 64
EVENTS_PER_BATCH = 400
"""A long history is folded in pieces, so that no key waits for it."""


class Store:
    """Holds the newest `state`. `apply` is called from one thread. Its lines are numbered from `seq` on."""

    def __init__(self, state: State | None = None, *, seq: int = 0) -> None:
        self.state = State() if state is None else state
        self._history: deque[Event] = deque()
        self._live: deque[Event] = deque()
        self._seen: dict[str, None] = {}
        self._seq = seq

    @property
    def behind(self) -> bool:
        """Whether events wait to be folded by the next `apply`."""
        return bool(self._history) or (self.state.loaded and bool(self._live))

    def apply(self, batch: Batch) -> State:
        """Fold one batch and return the new state."""
        state = self.state
        for notice in batch.notices:
            if isinstance(notice, HistoryLoaded):
                if self._is_another_log(notice):
                    state = self._anew(state)
                self._history.extend(notice.events)
                state = replace(state, loaded=True)
            elif not isinstance(notice, Rewound):  # whoever holds the store has changed it for the new one
                state = self._host(state, notice)
        self._live.extend(batch.events)
        state = self._samples(state, batch)
        if batch.agents:
            state = self._agents(state, batch.agents)
        if batch.thoughts:
            state = replace(state, thoughts=self._think(state.thoughts, batch.thoughts))
        if batch.dropped:
            state = replace(state, dropped=state.dropped + batch.dropped)
        self.state = self._events(state)
        return self.state

    def _is_another_log(self, loaded: HistoryLoaded) -> bool:
        """Whether what was folded last is not in it: a copy was put in its place, where the same ids may mean something else."""
        newest = next(reversed(self._seen), None)
        return loaded.known and newest is not None and all(event.id != newest for event in loaded.events)

    def _anew(self, state: State) -> State:
        self._seen.clear()
        self._history.clear()
        nothing = State()
        return replace(
            state,
            incidents=nothing.incidents,
            approvals=nothing.approvals,
            entries=nothing.entries,
            audit=nothing.audit,
            thoughts=nothing.thoughts,
            unread=nothing.unread,
        )

    def _host(self, state: State, host: HostView) -> State:
        host = HostView(host.phase, clean(host.problem))
        if host.phase == "starting":
            return replace(state, host=host, loaded=False, agents=MappingProxyType({}))
        return replace(state, host=host)

    def _samples(self, state: State, batch: Batch) -> State:
        if batch.swarm is not None:
            state = replace(state, swarm=_clean_swarm(batch.swarm))
        if batch.calibration is not None:
            state = replace(state, calibration=_clean_calibration(batch.calibration))
        if not batch.regions and not batch.users:
            return state
        targets = {target.name: target for target in state.targets}
        for seen in batch.regions:
            name = clean(seen.target, NAME)
            sample = replace(seen, target=name, region=clean(seen.region, NAME), detail=clean(seen.detail, 200))
            targets[name] = _with_region(targets.get(name, TargetView(name)), sample)
        for told in batch.users:
            name = clean(told.target, NAME)
            users = replace(told, target=name, region=clean(told.region, NAME) if told.region else None)
            target = targets.get(name, TargetView(name))
            past = target.users.p95 if target.users is not None else ()
            targets[name] = replace(target, users=UsersView(users, (*past, users.p95_ms)[-POINTS:]))
        return replace(state, targets=tuple(targets[name] for name in sorted(targets)))

    def _agents(self, state: State, news: Iterable[AgentState]) -> State:
        agents = dict(state.agents)
        fresh: list[Entry] = []
        for agent in news:
            before = agents.get(agent.agent)
            agents[agent.agent] = replace(agent, detail=clean(agent.detail, 400))
            down = agent.state == "down"
            if down and (before is None or before.state != "down"):
                fresh.append(self._entry(agent, f"is DOWN: {agent.detail or 'no reason given'}"))
            elif not down and before is not None and before.state == "down":
                fresh.append(self._entry(agent, "is back"))
        entries = (*state.entries, *fresh)[-ENTRIES:] if fresh else state.entries
        return replace(state, agents=MappingProxyType(agents), entries=entries)

    def _entry(self, agent: AgentState, text: str) -> Entry:
        self._seq += 1
        tone: Tone = "fail" if agent.state == "down" else "ok"
        return Entry(self._seq, agent.at, clean(agent.agent, 40), "", clean(text, 400), tone)

    def _think(self, past: Sequence[Paragraph], thoughts: Iterable[Thought]) -> tuple[Paragraph, ...]:
        paragraphs = list(past)
        for thought in thoughts:
            text = "\n".join(clean(line, 4_000) for line in thought.text.split("\n"))
            at = _open_paragraph(paragraphs, thought)
            if at is not None:
                open_ = paragraphs[at]
                grown = (open_.text + text)[:PARAGRAPH_CHARS]
                paragraphs[at] = replace(open_, text=grown, done=thought.done)
            elif text.strip():
                self._seq += 1
                paragraphs.append(
                    Paragraph(
                        seq=self._seq,
                        agent=thought.agent,
                        incident=thought.incident,
                        source=clean(thought.source, 80),
                        text=text,
                        at=thought.at,
                        done=thought.done,
                    )
                )
        return tuple(paragraphs[-PARAGRAPHS:])

    def _events(self, state: State) -> State:
        taken = 0
        incidents: dict[str, Incident] | None = None
        entries: list[Entry] = []
        unread = 0
        while taken < EVENTS_PER_BATCH and (self._history or (state.loaded and self._live)):
            history = bool(self._history)
            event = self._history.popleft() if history else self._live.popleft()
            if event.id in self._seen:
                continue
            self._remember(event.id)
            taken += 1
            incidents = dict(state.incidents) if incidents is None else incidents
            before = incidents.get(event.incident)
            entries.append(self._told(event, before))
            if event.incident and not _fold(incidents, before, event):
                # a history that is cut off at its start knows the ends of incidents that it never saw opened
                unread += not (history and before is None)
            state = _automation(state, event)
        if incidents is None:
            return state
        kept = MappingProxyType(_keep(incidents))
        return replace(
            state,
            incidents=kept,
            approvals=_approvals(kept),
            entries=(*state.entries, *entries)[-ENTRIES:],
            audit=(*state.audit, *(e for e in entries if e.decision))[-ENTRIES:],
            unread=state.unread + unread,
        )

    def _told(self, event: Event, incident: Incident | None) -> Entry:
        self._seq += 1
        told = tell(event, incident)
        return Entry(
            seq=self._seq,
            at=event.time,
            agent=told.who,
            incident=clean(event.incident, 80),
            text=told.text,
            tone=told.tone,
            decision=told.decision,
            details=told.details,
        )

    def _remember(self, event_id: str) -> None:
        self._seen[event_id] = None
        if len(self._seen) > SEEN:
            del self._seen[next(iter(self._seen))]


def _fold(incidents: dict[str, Incident], before: Incident | None, event: Event) -> bool:
    try:
        incidents[event.incident] = evolve(before, event)
    except IllegalTransitionError:
        return False
    return True


def _keep(incidents: dict[str, Incident]) -> dict[str, Incident]:
    if len(incidents) <= INCIDENTS:
        return incidents
    resolved = [i.id for i in incidents.values() if i.status == "resolved"]
    gone = set(resolved[: len(incidents) - INCIDENTS])
    return {key: value for key, value in incidents.items() if key not in gone}


def _automation(state: State, event: Event) -> State:
    """The switch shows as soon as the log has it, not with the swarm's next report."""
    if state.swarm is None or event.time < state.swarm.at:
        return state
    if isinstance(event.data, AutomationPaused):
        by, why = clean(event.data.by, 80), clean(event.data.reason, 400)
        swarm = replace(state.swarm, automation="paused", paused_by=by, paused_reason=why, paused_at=event.time)
        return replace(state, swarm=swarm)
    if isinstance(event.data, AutomationArmed):
        swarm = replace(state.swarm, automation="armed", paused_by="", paused_reason="", paused_at=None)
        return replace(state, swarm=swarm)
    return state


def _approvals(incidents: Mapping[str, Incident]) -> tuple[ApprovalView, ...]:
    waiting = []
    for incident in incidents.values():
        approval, strategy = incident.approval, incident.strategy
        if incident.status != "awaiting" or approval is None or approval.approved is not None or strategy is None:
            continue
        waiting.append(
            ApprovalView(
                id=approval.id,
                incident=incident.id,
                target=incident.target,
                plan=tuple(clean(call_line(step)) for step in strategy.actions),
                undo=clean(undo_line(strategy)),
                confidence=confidence(strategy.confidence),
                blast_radius=blast_radius(strategy.blast_radius),
                reasons=tuple(clean(reason, 400) for reason in approval.reasons),
                requested_at=approval.requested_at,
                deadline=approval.deadline,
                confirm=clean(approval.confirm, NAME),
                binding=approval.binding,
                given=clean(given(approval.people, approval.needs), 400),
            )
        )
    return tuple(sorted(waiting, key=lambda view: (view.requested_at, view.id)))


def _with_region(target: TargetView, sample: RegionSample) -> TargetView:
    regions = list(target.regions)
    for n, region in enumerate(regions):
        if region.sample.region == sample.region:
            regions[n] = RegionView(sample, (*region.p95, sample.p95_ms)[-POINTS:])
            break
    else:
        regions.append(RegionView(sample, (sample.p95_ms,)))
        regions.sort(key=lambda view: view.sample.region)  # not by who answered first: a row keeps its place
    return replace(target, regions=tuple(regions))


def _open_paragraph(paragraphs: Sequence[Paragraph], thought: Thought) -> int | None:
    for n in range(len(paragraphs) - 1, max(-1, len(paragraphs) - 20), -1):
        known = paragraphs[n]
        if known.agent == thought.agent and known.incident == thought.incident:
            return None if known.done else n
    return None


def _clean_swarm(swarm: SwarmState) -> SwarmState:
    return replace(
        swarm,
        reasoning=clean(swarm.reasoning, 60),
        bus=clean(swarm.bus, 60),
        problem=clean(swarm.problem),
        paused_by=clean(swarm.paused_by, 80),
        paused_reason=clean(swarm.paused_reason, 400),
        held=clean(swarm.held),
    )


def _clean_calibration(told: Calibration) -> Calibration:
    cells = (
        replace(c, target=clean(c.target, NAME), action=clean(c.action, NAME), fault_class=clean(c.fault_class, NAME))
        for c in told.cells
    )
    return replace(told, cells=tuple(cells))
