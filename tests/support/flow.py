"""Lets agents talk to each other over one incident until nobody has anything more to say, without a bus."""

from __future__ import annotations

from agents.events import Event
from agents.incident import Incident, evolve


async def talk(build, incident: Incident, event: Event, *agents) -> tuple[Incident, list[Event]]:
    """The incident at the end, and what was said. Every agent hears every event; more than 40 is a quarrel."""
    said: list[Event] = []
    heard = [event]
    while heard:
        assert len(said) < 40, [e.type for e in said]
        event = heard.pop(0)
        for agent in agents:
            if event.type not in agent.types:
                continue
            for answer in (await agent.handle(event, build.context(incident))).emit:
                incident = evolve(incident, answer)
                said.append(answer)
                heard.append(answer)
    return incident, said
