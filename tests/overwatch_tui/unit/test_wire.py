"""The lines between a swarm and an attached screen: what fits through, and what ends at the door."""

from __future__ import annotations

import pytest

from agents.telemetry import AgentState, Thought
from overwatch_tui.attach import wire
from overwatch_tui.attach.link import Report
from overwatch_tui.attach.wire import WireError, encode, from_screen, from_swarm
from overwatch_tui.chaos import ChaosFault
from tests.overwatch_tui import story
from tests.overwatch_tui.attached import line
from tests.overwatch_tui.pilot.test_hostile import FORBIDDEN, HOSTILE, poisoned
from tests.overwatch_tui.scripted import DEMO

AT = story.NOW.isoformat()
EVENTS = story.told(*story.RESOLVED)


@pytest.mark.parametrize(
    "message",
    [
        *EVENTS,
        wire.Past(EVENTS[0]),
        *story.agent_states(),
        *story.thoughts(),
        story.swarm_state(),
        story.calibration(),
        story.calibration(0),
        story.region_sample("east", 0, broken=True),
        story.users_sample(0),
        wire.Welcome(1),
        wire.Refused("8 screens are attached"),
        Report("armed", {"Sentry": "idle"}, 0.5),
        wire.Targets((DEMO,)),
        wire.CaughtUp("why"),
        wire.Dropped(7),
        wire.Answer(3, text="done"),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_a_swarm_tells_arrives_as_it_was_told(message):
    sent = encode(message)
    assert sent.endswith(b"\n")
    assert sent.count(b"\n") == 1
    assert from_swarm(sent) == message


@pytest.mark.parametrize(
    "message",
    [
        wire.Hello(1, "anna", True),
        wire.Probe(1),
        wire.Decide(1, "A1", False, "a deploy\nis running"),
        wire.Pause(2, ""),
        wire.Arm(3),
        wire.ForceFailover(4, "demo", "west"),
        wire.Inject(5, "demo", "east", ChaosFault("degrade", {"latency_ms": 10, "scope": "region"})),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_a_screen_asks_arrives_as_it_was_asked(message):
    assert from_screen(encode(message)) == message


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_terminal_obeys_comes_in(text):
    said = [*poisoned(text), Thought("Sentry", "INC-1", text, text, story.NOW), AgentState("Sentry", "down", story.NOW, text)]
    for message in said:
        came = from_swarm(encode(message))
        assert not FORBIDDEN & set("".join(strings_of(came)))


def strings_of(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings_of(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from strings_of(item)
    elif hasattr(value, "model_dump"):
        yield from strings_of(value.model_dump())
        if hasattr(value, "data"):
            yield from strings_of(value.data.model_dump())
    elif hasattr(value, "__slots__"):
        for name in value.__slots__:
            yield from strings_of(getattr(value, name))


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"not json\n",
        b"\xff\xfe\n",
        b"[]\n",
        b"null\n",
        b"{}\n",
        b'{"kind":["region"],"body":{}}\n',
        b'{"kind":"hello","body":{"protocol":1,"me":"eve","read_only":false}}\n',
        b"[" * 100_000 + b"\n",
        b'{"kind":"dropped","body":{"count":' + b"9" * 5_000 + b"}}\n",
        b'{"kind":"dropped","body":{"count":NaN}}\n',
        line("region"),
        line("region", target="demo", region="east", at=AT, state="fine"),
        line("region", target="demo", region="east", at="2026-11-23T14:02:11", state="ok"),
        line("region", target="demo", region="east", at=AT, state="ok", p95_ms="nan"),
        line("region", target="demo", region="east", at=AT, state="ok", p95_ms="inf"),
        line("region", target="demo", region="east", at=AT, state="ok", replicas_ready=10**40),
        line("agent", agent="Eve", state="idle", at=AT),
        line("thought", agent="Eve", incident="", text="t", source="s", at=AT),
        line("event", type="no.such", id="1", source="s", incident="", cause=None, time=AT, traceparent=None, data={}),
        line("event", type="automation.armed", id="1", source="s", incident="", cause=None, time=AT, traceparent=None, data={}),
        line(
            "event",
            type="automation.armed",
            id="1" * 500,
            source="s",
            incident="",
            cause=None,
            time=AT,
            traceparent=None,
            data={"by": "x"},
        ),
    ],
)
def test_a_line_that_does_not_fit_is_refused_in_a_few_clean_words(bad):
    with pytest.raises(WireError) as refused:
        from_swarm(bad)
    assert len(str(refused.value)) < 500
    assert not FORBIDDEN & set(str(refused.value))


@pytest.mark.parametrize(
    "bad",
    [
        line("welcome", protocol=1),
        line("decide", id=1, approval="A" * 500, approved=True, reason=""),
        line("pause", id=1, reason="r" * 2_001),
        line("pause", id=-1, reason=""),
        line("chaos", id=1, target="demo", region="east", fault={"name": "explode"}),
        line("decide", id=1, approval="A1", reason=""),
    ],
)
def test_a_request_that_does_not_fit_is_refused(bad):
    with pytest.raises(WireError):
        from_screen(bad)


def test_what_outgrows_a_line_is_not_sent():
    with pytest.raises(WireError, match="does not fit"):
        encode(Thought("Sentry", "", "x" * (wire.LINE_FROM_SWARM + 1), "m", story.NOW))
