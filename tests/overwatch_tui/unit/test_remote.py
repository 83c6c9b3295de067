"""The screen's end of an attachment: attached, cut off, attached again, and told nonsense."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from overwatch_tui.attach import remote, session
from overwatch_tui.attach.link import PROTOCOL, socket_path
from overwatch_tui.attach.wire import CaughtUp, Dropped, Past, Refused, Welcome, encode
from overwatch_tui.chaos import ChaosFault
from overwatch_tui.state.models import HostView
from tests.overwatch_tui import story
from tests.overwatch_tui.attached import Attached, FakeDesk, Heard, closed, line, until
from tests.overwatch_tui.scripted import DEMO

EVENTS = story.told(*story.RESOLVED)


async def test_it_attaches_and_shows_the_past_how_things_stand_and_what_happens(tmp_path):
    async with Heard(tmp_path, FakeDesk(EVENTS[:4])) as swarm, Attached(tmp_path) as screen:
        await screen.running()
        assert screen.ready == 1
        swarm.all_well()
        swarm.commit(*EVENTS[4:])
        await until(lambda: screen.feed.state.swarm and len(screen.feed.state.entries) == len(EVENTS))
        state = screen.feed.state
        assert [entry.incident for entry in state.entries] == [event.incident for event in EVENTS]
        assert [target.name for target in state.targets] == ["demo"]
        assert len(state.agents) == 6
        assert state.unread == 0
        assert tuple(screen.swarm.targets()) == (DEMO,)


async def test_what_is_asked_is_answered(tmp_path):
    fault = ChaosFault("degrade", {"latency_ms": 5})
    async with Heard(tmp_path) as swarm, Attached(tmp_path) as screen:
        await screen.running()
        handle = screen.swarm
        for asked in (
            handle.decide("A1", True, ""),
            handle.pause("why"),
            handle.arm(),
            handle.force_failover("demo", "west"),
            handle.chaos("demo", "east", fault),
        ):
            assert (await screen.answer(asked)).endswith(" done")
        assert swarm.desk.asked == [
            ("decide", "A1", True, "", "anna"),
            ("pause", "why", "anna"),
            ("arm", "anna"),
            ("failover", "demo", "west", "anna"),
            ("chaos", "demo", "east", fault),
        ]
        swarm.desk.refuse = ValueError("'north' is not a region of 'demo'")
        with pytest.raises(RuntimeError, match="'north' is not a region"):
            await screen.answer(handle.force_failover("demo", "north"))


async def test_a_screen_that_only_looks_is_refused(tmp_path):
    async with Heard(tmp_path) as swarm, Attached(tmp_path, read_only=True) as screen:
        await screen.running()
        with pytest.raises(RuntimeError, match="--read-only"):
            await screen.answer(screen.swarm.decide("A1", True, ""))
        assert swarm.desk.asked == []


async def test_a_swarm_that_comes_back_is_attached_again_with_no_event_lost_or_doubled(tmp_path):
    desk = FakeDesk(EVENTS[:2])
    async with Attached(tmp_path) as screen:
        async with Heard(tmp_path, desk) as first:
            await screen.running()
            first.commit(EVENTS[2])
            await until(lambda: len(screen.feed.state.entries) == 3)
        await screen.away()
        assert len(screen.feed.state.entries) == 3, "what was seen stays"
        assert "swarm is away" in screen.feed.problem
        assert "overwatch-tui run" in screen.feed.problem
        desk.past += EVENTS[3:5]
        async with Heard(tmp_path, desk) as second:
            await screen.running()
            second.commit(*EVENTS[5:])
            await until(lambda: len(screen.feed.state.entries) >= len(EVENTS))
            assert screen.feed.problem == ""
        state = screen.feed.state
        assert len(state.entries) == len(EVENTS)
        assert state.unread == 0
        assert state.incidents["INC-7"].status == "resolved"
        assert screen.ready == 1


async def test_a_screen_too_slow_for_its_events_reads_them_from_the_log(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "EVENTS", 50)
    chapters = [(f"INC-{n}", event) for n in range(20) for event in EVENTS[:3]]
    many = [event.model_copy(update={"id": f"{event.id}-{incident}", "incident": incident}) for incident, event in chapters]
    async with Heard(tmp_path) as swarm, Attached(tmp_path) as screen:
        await screen.running()
        swarm.commit(*many)
        await until(lambda: len(screen.feed.state.entries) == len(many))
        assert any(isinstance(told, HostView) and told.phase == "away" for told in screen.feed.notices), "it was hung up on"
        assert screen.feed.state.unread == 0


async def test_another_log_in_the_same_home_is_not_mixed_with_the_one_that_is_shown(tmp_path):
    async with Attached(tmp_path) as screen:
        async with Heard(tmp_path, FakeDesk(EVENTS[:2])) as first:
            await screen.running()
            first.commit(EVENTS[2])
            await until(lambda: len(screen.feed.state.entries) == 3)
        async with Heard(tmp_path, FakeDesk(EVENTS[:2])):
            await until(lambda: "another one now" in screen.feed.problem)
            with pytest.raises(RuntimeError, match="nothing was sent"):
                await screen.answer(screen.swarm.arm())
            assert len(screen.feed.state.entries) == 3


async def test_nothing_is_sent_while_the_swarm_is_away(tmp_path):
    async with Attached(tmp_path) as screen:
        await screen.away()
        with pytest.raises(RuntimeError, match="away: nothing was sent"):
            await screen.answer(screen.swarm.decide("A1", True, ""))


async def test_before_it_runs_nothing_is_sent(tmp_path):
    with pytest.raises(RuntimeError, match="away: nothing was sent"):
        Attached(tmp_path).swarm.arm().result(0)


async def test_a_request_whose_answer_was_lost_fails_and_is_not_sent_again(tmp_path):
    desk = FakeDesk()
    async with Attached(tmp_path) as screen:
        async with Heard(tmp_path, desk) as first:
            await screen.running()
            desk.go.clear()
            asked = screen.swarm.decide("A1", True, "")
            await until(lambda: first.listener._requests)
        with pytest.raises(RuntimeError, match="the timeline shows whether it happened"):
            await screen.answer(asked)
        desk.go.set()
        async with Heard(tmp_path, desk):
            await screen.running()
            await screen.answer(screen.swarm.arm())
        assert desk.asked == [("arm", "anna")]


async def test_a_past_that_can_not_be_read_again_is_said(tmp_path):
    desk = FakeDesk()
    async with Attached(tmp_path) as screen:
        async with Heard(tmp_path, desk):
            await screen.running()
        await screen.away()
        desk.unreadable = OSError("unreadable page 3")
        async with Heard(tmp_path, desk):
            await screen.running()
            assert "unreadable page 3" in screen.feed.problem
            assert "missing" in screen.feed.problem


@contextlib.asynccontextmanager
async def scripted(home, *script: bytes, hold: bool = True):
    """A swarm that says `script` to whoever comes, and hangs up, or holds its tongue."""
    came = []
    talking = set()

    async def talk(reader, writer):
        talking.add(asyncio.current_task())
        with contextlib.suppress(OSError):
            came.append(await reader.readline())
            writer.write(b"".join(script))
            if hold:
                await reader.read()
        writer.transport.abort() if hold else writer.close()

    server = await asyncio.start_unix_server(talk, str(socket_path(home)))
    try:
        yield came
    finally:
        server.close()
        socket_path(home).unlink()
        await closed()
        if talking:
            await asyncio.wait(talking)
        await closed()


HI = encode(Welcome(PROTOCOL))
CAUGHT = encode(CaughtUp())


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ((encode(Welcome(PROTOCOL + 1)),), "same version"),
        ((CAUGHT,), "greets with 'CaughtUp'"),
        ((encode(Refused("8 screens are attached already: close one")),), "8 screens"),
        ((HI, encode(EVENTS[0])), "out of turn"),
        ((HI, *(encode(Past(EVENTS[0])),) * 11), "out of turn"),
        ((HI, CAUGHT, HI), "out of turn"),
        ((HI, CAUGHT, b"\x1b[2Jnonsense\n"), "can't be read"),
        ((HI, CAUGHT, line("agent", agent="Eve", state="idle", at=story.NOW.isoformat())), "none of the six"),
        ((HI, CAUGHT, b"z" * (5 << 20)), "lines of more than"),
    ],
    ids=["version", "greeting", "refused", "early", "past", "twice", "nonsense", "stranger", "oversized"],
)
async def test_a_swarm_that_talks_nonsense_is_left_and_tried_again(tmp_path, monkeypatch, script, why):
    monkeypatch.setattr(remote, "HISTORY", 10)
    async with scripted(tmp_path, *script) as came, Attached(tmp_path) as screen:
        await until(lambda: why in screen.feed.problem, 15)
        assert "\x1b" not in screen.feed.problem
        await until(lambda: len(came) > 1, 15)


async def test_a_swarm_that_falls_silent_is_away(tmp_path):
    async with scripted(tmp_path, HI, CAUGHT) as came, Attached(tmp_path, silence=0.02) as screen:
        await until(lambda: "said nothing" in screen.feed.problem)
        await until(lambda: len(came) > 1)


async def test_a_swarm_that_hangs_up_is_away(tmp_path):
    async with scripted(tmp_path, HI, CAUGHT, hold=False), Attached(tmp_path) as screen:
        await until(lambda: "hung up" in screen.feed.problem)


async def test_what_was_lost_on_the_way_is_counted_on_the_screen(tmp_path):
    async with scripted(tmp_path, HI, CAUGHT, encode(Dropped(41)), encode(Dropped(1))), Attached(tmp_path) as screen:
        await until(lambda: screen.feed.state.dropped == 42)


async def test_an_answer_to_nothing_changes_nothing(tmp_path):
    answers = (line("answer", id=77, text="approved"), line("answer", id=1, error="no"))
    async with scripted(tmp_path, HI, CAUGHT, *answers, encode(Dropped(1))), Attached(tmp_path) as screen:
        await until(lambda: screen.feed.state.dropped == 1 and screen.feed.state.host.phase == "running")


async def test_tries_become_rarer_while_a_swarm_talks_nonsense(tmp_path):
    async with scripted(tmp_path, HI, CAUGHT, b"nonsense\n") as came, Attached(tmp_path, pauses=(0.001, 600.0)) as screen:
        await until(lambda: len(came) == 2)
        await until(lambda: screen.feed.state.host.phase == "away" and len(screen.feed.notices) >= 5)
        assert len(came) == 2


async def test_leaving_hangs_up_and_the_swarm_goes_on(tmp_path):
    async with Heard(tmp_path) as swarm:
        async with Attached(tmp_path) as screen:
            await screen.running()
            assert len(swarm.listener._screens) == 1
        await until(lambda: not swarm.listener._screens)
        async with Attached(tmp_path) as again:
            await again.running()


async def test_leaving_while_the_swarm_is_away_takes_no_time(tmp_path):
    async with Attached(tmp_path, pauses=(600.0,)) as screen:
        await screen.away()


async def test_a_broken_dial_is_shown_as_what_it_is(tmp_path):
    def dial(_home) -> socket.socket:
        raise OSError(24, "Too many open files")

    async with Attached(tmp_path, dial=dial) as screen:
        await until(lambda: "Too many open files" in screen.feed.problem)
