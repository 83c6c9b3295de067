"""How the room looks. Behaviour is asserted elsewhere; a change here is looked at as a picture, then `--snapshot-update`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from agents.events import AutomationPaused, Event
from agents.telemetry import AgentState
from overwatch_tui.app import OverwatchApp
from overwatch_tui.state.models import HostView
from tests.overwatch_tui import story
from tests.overwatch_tui.story import Teller

SMALL, NORMAL, LARGE = (80, 24), (120, 40), (200, 60)


def starting() -> Teller:
    return Teller().publish(*story.agent_states(state="starting")).publish(*story.agent_states()[:3])


def calm() -> Teller:
    return Teller().up(history=story.told(*story.RESOLVED, incident="INC-6")).samples()


def degraded() -> Teller:
    teller = Teller().up().samples(broken_for=4)
    return teller.publish(replace(story.region_sample("west", 20), state="warn", detail="slow disk", replicas_ready=1))


def diagnosing() -> Teller:
    teller = Teller().up(working=("Strategist",)).samples(broken_for=8)
    return teller.publish(*story.told(*story.DIAGNOSED), *story.thoughts(streaming=True))


def awaiting() -> Teller:
    teller = Teller().up(working=("Orchestrator",)).samples(broken_for=13)
    return teller.publish(*story.thoughts(), *story.told(*story.AWAITING))


def executing() -> Teller:
    teller = Teller().up(working=("Traffic Controller",)).samples(broken_for=16)
    return teller.publish(*story.thoughts(), *story.told(*story.ACTING))


def verified() -> Teller:
    return Teller().up().samples(broken_for=20, moved_for=5).publish(*story.thoughts(), *story.told(*story.RESOLVED))


def escalated() -> Teller:
    return Teller().up().samples(broken_for=18).publish(*story.thoughts(), *story.told(*story.ESCALATED))


def paused() -> Teller:
    why = Event(id="p", source="anna", data=AutomationPaused(by="anna", reason="release night"), time=story.at(19))
    return (
        Teller()
        .up()
        .samples()
        .publish(why, story.swarm_state(20, automation="paused", paused_by="anna", paused_reason="release night"))
    )


def disconnected() -> Teller:
    return calm().host(HostView("failed", "StoreError: the disk is full: free some space"))


def unwell() -> Teller:
    teller = calm().publish(AgentState("Logistics", "down", story.at(19), "the MCP server ended: read logs/mcp.log"))
    return teller.publish(story.swarm_state(20, problem="1 delivery is parked: overwatch-tui incidents shows it"))


def two_steps() -> Teller:
    teller = Teller().up(working=("Orchestrator",)).samples(broken_for=13)
    return teller.publish(*story.thoughts(), *story.told(*story.AWAITING, confirm="demo", needs=2))


def two_targets() -> Teller:
    teller = Teller().up().samples(broken_for=3).samples(target="shop")
    first = story.told(*story.AWAITING)
    return teller.publish(*first, *story.told(*story.AWAITING, incident="INC-8", target="shop"))


def measured() -> Teller:
    return escalated().publish(story.calibration())


def barely_measured() -> Teller:
    return escalated().publish(story.calibration(4))


Look = tuple[str, Callable[[], Teller], tuple[int, int], str]
STATES = (
    starting,
    calm,
    degraded,
    diagnosing,
    awaiting,
    executing,
    verified,
    escalated,
    paused,
    disconnected,
    unwell,
    two_targets,
)
LOOKS = [
    *((state, NORMAL, "dark") for state in STATES),
    *((state, size, "dark") for state in (calm, awaiting, escalated) for size in (SMALL, LARGE)),
    (starting, SMALL, "dark"),
    *((awaiting, NORMAL, theme) for theme in ("light", "colour-blind", "terminal")),
    *((escalated, NORMAL, theme) for theme in ("light", "colour-blind")),
]


@pytest.fixture
def looks(snap_compare, clock):
    def compare(
        teller: Teller,
        size: tuple[int, int] = NORMAL,
        *press: str,
        theme: str = "dark",
        ascii_only: bool = False,
        read_only: bool = False,
    ) -> bool:
        app = OverwatchApp(
            None, theme=theme, ascii_only=ascii_only, keymap={}, read_only=read_only, clock=clock, store=teller.store
        )

        async def run_before(pilot):
            await pilot.pause(0.3)
            clock.forward(1)
            app._second()
            await pilot.press(*press)
            await pilot.pause(0.1)

        return snap_compare(app, terminal_size=size, run_before=run_before)

    return compare


@pytest.mark.parametrize(
    ("state", "size", "theme"), LOOKS, ids=[f"{s.__name__}-{size[0]}x{size[1]}-{theme}" for s, size, theme in LOOKS]
)
def test_the_room_looks_as_it_did(looks, state, size, theme):
    assert looks(state(), size, theme=theme)


def test_a_read_only_room(looks):
    assert looks(awaiting(), read_only=True)


@pytest.mark.parametrize("size", [SMALL, NORMAL], ids=["80x24", "120x40"])
def test_an_ascii_room(looks, size):
    assert looks(awaiting(), size, ascii_only=True)


VIEWS = {
    "incident": (escalated, NORMAL, ("enter",)),
    "incident-small": (awaiting, SMALL, ("enter",)),
    "audit": (escalated, NORMAL, ("u",)),
    "audit-small": (escalated, SMALL, ("u",)),
    "calibration": (measured, NORMAL, ("u",)),
    "calibration-small": (measured, SMALL, ("u",)),
    "calibration-few": (barely_measured, SMALL, ("u",)),
    "help": (awaiting, NORMAL, ("question_mark",)),
    "failover": (awaiting, NORMAL, ("f", *"west")),
    "reject": (awaiting, NORMAL, ("x", *"no")),
    "two-steps": (two_steps, NORMAL, ("a",)),
    "two-steps-small": (two_steps, SMALL, ("a",)),
    "pause": (calm, SMALL, ("p",)),
    "arm": (paused, NORMAL, ("p",)),
    "filtered": (escalated, NORMAL, ("slash", *"undo", "enter")),
    "zoomed": (escalated, SMALL, ("z",)),
    "too-small": (calm, (60, 18), ()),
}


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_looks_as_it_did(looks, view):
    state, size, press = VIEWS[view]
    assert looks(state(), size, *press)


def test_the_calibration_in_ascii(looks):
    assert looks(measured(), SMALL, "u", ascii_only=True)
