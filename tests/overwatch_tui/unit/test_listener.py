"""The swarm's end of an attachment: what every screen hears, what it may ask, and what a bad one can't do."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect

import pytest

from agents.durable.errors import ApprovalError
from agents.events import Event
from agents.telemetry import AgentState, RegionSample, SwarmState, Thought
from overwatch_tui.attach import session
from overwatch_tui.attach.link import PROTOCOL, NobodyListensError, connect, socket_path
from overwatch_tui.attach.listener import CONNECTIONS, SCREENS
from overwatch_tui.attach.wire import (
    Answer,
    Arm,
    CaughtUp,
    Decide,
    Dropped,
    ForceFailover,
    Hello,
    Inject,
    Past,
    Pause,
    Refused,
    Targets,
    Welcome,
)
from overwatch_tui.chaos import ChaosFault
from overwatch_tui.desk import Desk
from tests.overwatch_tui import story
from tests.overwatch_tui.attached import ANNA, LOOKER, FakeDesk, Heard, line, raw, until
from tests.overwatch_tui.scripted import DEMO, SHOP

EVENTS = story.told(*story.RESOLVED)


@pytest.mark.parametrize("name", [name for name in vars(Desk) if not name.startswith("_")])
def test_the_fake_desk_is_asked_as_the_real_one_is(name):
    assert inspect.signature(getattr(FakeDesk, name)) == inspect.signature(getattr(Desk, name)), name


async def test_a_screen_hears_the_past_then_how_things_stand_then_what_happens(tmp_path):
    async with Heard(tmp_path, FakeDesk(EVENTS[:3])) as swarm:
        swarm.all_well()
        async with raw(tmp_path, ANNA) as screen:
            assert await screen.next() == Welcome(PROTOCOL)
            assert await screen.until(CaughtUp) == [*(Past(event) for event in EVENTS[:3]), CaughtUp()]
            now = await screen.until(SwarmState)
            assert now[0] == Targets((DEMO,))
            assert {type(item) for item in now} == {Targets, AgentState, RegionSample, SwarmState}
            swarm.commit(EVENTS[3])
            assert await screen.next() == EVENTS[3]
            swarm.targets = (DEMO, SHOP)
            swarm.say(story.thoughts()[0])
            assert await screen.next() == Targets((DEMO, SHOP))
            assert await screen.next() == story.thoughts()[0]


async def test_what_happens_while_the_past_is_told_is_told_after_it(tmp_path):
    class Slow(FakeDesk):
        async def history(self):
            past = tuple(self.past)
            await self.go.wait()
            return past

    desk = Slow(EVENTS[:2])
    desk.go.clear()
    async with Heard(tmp_path, desk) as swarm, raw(tmp_path, ANNA) as screen:
        await screen.next()
        swarm.commit(EVENTS[2])
        desk.go.set()
        assert [m for m in await screen.until(Event) if isinstance(m, Past | Event)] == [*map(Past, EVENTS[:2]), EVENTS[2]]


async def test_a_past_that_can_not_be_read_is_told_and_the_rest_goes_on(tmp_path):
    desk = FakeDesk()
    desk.unreadable = OSError("unreadable page 3")
    async with Heard(tmp_path, desk) as swarm, raw(tmp_path, ANNA) as screen:
        assert (await screen.until(CaughtUp))[-1] == CaughtUp("unreadable page 3")
        swarm.say(story.thoughts()[0])
        await screen.until(Thought)


async def test_what_is_asked_is_done_in_the_name_of_who_asks(tmp_path):
    fault = ChaosFault("outage")
    async with Heard(tmp_path) as swarm, raw(tmp_path, Hello(PROTOCOL, " anna\x1b[2J ", False)) as screen:
        asked = (
            Decide(1, "A1", True, "ok", binding="b" * 64),
            Pause(2, "why"),
            Arm(3),
            ForceFailover(4, "demo", "west"),
            Inject(5, "demo", "east", fault),
        )
        for number, command in enumerate(asked, 1):
            screen.send(command)
            answer = (await screen.until(Answer))[-1]
            assert (answer.id, answer.error) == (number, "")
        assert swarm.desk.asked == [
            ("decide", "A1", True, "ok", "b" * 64, "anna"),
            ("pause", "why", "anna"),
            ("arm", "anna"),
            ("failover", "demo", "west", "anna"),
            ("chaos", "demo", "east", fault),
        ]


@pytest.mark.parametrize(
    "command",
    [
        Decide(7, "A1", True, ""),
        Pause(7, ""),
        Arm(7),
        ForceFailover(7, "demo", "west"),
        Inject(7, "demo", "east", ChaosFault("outage")),
    ],
    ids=lambda command: type(command).__name__,
)
async def test_a_screen_that_only_looks_is_refused_by_the_swarm_itself(tmp_path, command):
    async with Heard(tmp_path) as swarm, raw(tmp_path, LOOKER, command) as screen:
        answer = (await screen.until(Answer))[-1]
        assert (answer.id, answer.text) == (7, "")
        assert "--read-only" in answer.error
        assert swarm.desk.asked == []


async def test_a_refusal_is_an_answer(tmp_path):
    async with Heard(tmp_path) as swarm, raw(tmp_path, ANNA) as screen:
        swarm.desk.refuse = ApprovalError("A1 was decided already, by bob")
        screen.send(Decide(9, "A1", True, ""))
        assert (await screen.until(Answer))[-1] == Answer(9, error="A1 was decided already, by bob")


@pytest.mark.parametrize(
    ("greeting", "why"),
    [
        (Hello(PROTOCOL + 1, "anna", False), f"version {PROTOCOL} of the protocol, not {PROTOCOL + 1}"),
        (line("probe", protocol=0), f"version {PROTOCOL} of the protocol, not 0"),
        (Arm(1), "'Arm' came before a greeting"),
        (b"GET / HTTP/1.1\n", "can't be read"),
        (b"x" * 70_000 + b"\n", "too long"),
        (line("hello", protocol=PROTOCOL, me="e" * 500, read_only=False), "can't be read"),
    ],
    ids=["newer", "older", "ungreeted", "http", "oversized", "name"],
)
async def test_who_does_not_greet_as_it_is_done_is_told_why_and_hung_up_on(tmp_path, greeting, why):
    async with Heard(tmp_path), raw(tmp_path, greeting) as screen:
        refused = await screen.next()
        assert isinstance(refused, Refused)
        assert why in refused.why
        assert await screen.next() is None


@pytest.mark.parametrize("bad", [b"nonsense\n", b"y" * 70_000 + b"\n", ANNA], ids=["bad", "oversized", "greeting"])
async def test_a_bad_line_costs_its_screen_the_connection_and_nobody_else(tmp_path, bad):
    async with Heard(tmp_path) as swarm, raw(tmp_path, ANNA) as good, raw(tmp_path, ANNA) as screen:
        await good.until(CaughtUp)
        await screen.until(CaughtUp)
        screen.send(bad)
        assert isinstance((await screen.until(Refused))[-1], Refused)
        assert await screen.next() is None
        swarm.commit(EVENTS[0])
        assert (await good.until(Event))[-1] == EVENTS[0]


async def test_who_never_greets_is_hung_up_on(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "HELLO_SECONDS", 0.01)
    async with Heard(tmp_path), raw(tmp_path) as screen:
        assert await screen.next() is None


async def test_screens_beyond_the_limit_are_refused_and_a_place_that_is_left_is_free(tmp_path):
    async with Heard(tmp_path):
        opened = [raw(tmp_path, ANNA) for _ in range(SCREENS)]
        screens = [await one.__aenter__() for one in opened]
        for screen in screens:
            await screen.until(CaughtUp)
        async with raw(tmp_path, ANNA) as ninth:
            assert "8 screens" in (await ninth.next()).why
        for one in opened:
            await one.__aexit__(None, None, None)

        async def taken():
            async with raw(tmp_path, ANNA) as again:
                return isinstance(await again.next(), Welcome)

        for _ in range(500):
            if await taken():
                break
        else:
            raise AssertionError("the places that were left are not free")


async def test_connections_beyond_the_limit_are_hung_up_on_at_once(tmp_path):
    async with Heard(tmp_path):
        idle = [raw(tmp_path) for _ in range(CONNECTIONS)]
        for one in idle:
            await one.__aenter__()
        async with raw(tmp_path, ANNA) as late:
            with pytest.raises((ConnectionResetError, AssertionError, BrokenPipeError)):
                assert await late.next() is not None
        for one in idle:
            await one.__aexit__(None, None, None)


async def test_a_slow_reader_loses_thoughts_that_are_counted_and_no_event(tmp_path):
    async with Heard(tmp_path) as swarm, raw(tmp_path, ANNA) as screen:
        await screen.until(CaughtUp)
        many = [event.model_copy(update={"id": f"{event.id}-{n}"}) for n in range(20) for event in EVENTS]
        for n in range(12_000):
            swarm.say(Thought("Strategist", "INC-7", f"word {n} " + "x" * 100, "m", story.NOW))
            if n % 1_000 == 0:
                await asyncio.sleep(0)
        for event in many:
            swarm.commit(event)
        swarm.say(Thought("Sentry", "", "the last one", "m", story.NOW))
        heard, thoughts, lost = [], 0, 0
        while thoughts + lost < 12_001:
            message = await screen.next()
            match message:
                case Event():
                    heard.append(message)
                case Thought():
                    thoughts += 1
                    last = message.text
                case Dropped():
                    lost += message.count
        assert heard == many
        assert lost > 0
        assert (thoughts + lost, last) == (12_001, "the last one")


async def test_a_reader_so_slow_that_events_would_be_lost_is_hung_up_on(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "EVENTS", 50)
    async with Heard(tmp_path) as swarm, raw(tmp_path, ANNA) as screen:
        await screen.until(CaughtUp)
        for n in range(51):
            swarm.say(EVENTS[0].model_copy(update={"id": f"e{n}"}))
        await until(lambda: not swarm.listener._screens)
        with pytest.raises((AssertionError, ConnectionResetError)):
            await screen.until(Refused)


async def test_deaths_that_nobody_reads_do_not_pile_up(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "EVENTS", 50)
    async with Heard(tmp_path) as swarm, raw(tmp_path, ANNA) as screen:
        await screen.until(CaughtUp)
        for _ in range(51):
            swarm.say(AgentState("Sentry", "down", story.NOW))
        await until(lambda: not swarm.listener._screens)


async def test_a_screen_that_reads_nothing_more_leaves_its_place_to_another(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "UNREAD_SECONDS", 0.05)
    async with Heard(tmp_path) as swarm, raw(tmp_path, ANNA) as screen:
        await screen.until(CaughtUp)
        screen.reader._transport.pause_reading()
        for n in range(4_000):
            swarm.say(Thought("Strategist", "INC-7", f"word {n} " + "x" * 400, "m", story.NOW))
        await until(lambda: not swarm.listener._screens)
        await until(lambda: not swarm.listener._connections)


async def test_a_request_is_carried_out_though_its_screen_has_gone(tmp_path):
    async with Heard(tmp_path) as swarm:
        swarm.desk.go.clear()
        async with raw(tmp_path, ANNA, Decide(1, "A1", True, "")) as screen:
            await screen.until(CaughtUp)
            await until(lambda: swarm.listener._requests)
        await until(lambda: not swarm.listener._screens)
        swarm.desk.go.set()
        await until(lambda: swarm.desk.asked)
        assert swarm.desk.asked == [("decide", "A1", True, "", "anna")]


async def test_a_screen_that_asks_without_end_is_made_to_wait(tmp_path):
    async with Heard(tmp_path) as swarm:
        swarm.desk.go.clear()
        async with raw(tmp_path, ANNA, *(Arm(n) for n in range(100))) as screen:
            await screen.until(CaughtUp)
            await until(lambda: len(swarm.listener._requests) == session.REQUESTS)
            swarm.say(story.thoughts()[0])
            await screen.until(Thought)
            assert len(swarm.listener._requests) == session.REQUESTS
            swarm.desk.go.set()
            for n in range(100):
                assert (await screen.until(Answer))[-1].id == n


async def test_a_swarm_that_ends_hangs_up_and_takes_its_socket_away(tmp_path):
    swarm = Heard(tmp_path)
    async with swarm, raw(tmp_path, ANNA) as screen:
        await screen.until(CaughtUp)
        swarm.desk.go.clear()
        screen.send(Arm(1))
        await until(lambda: swarm.listener._requests)
        await swarm.listener.close(remove=True)
        with pytest.raises((AssertionError, ConnectionResetError)):
            await screen.until(Refused)
        assert not socket_path(tmp_path).exists()
    with pytest.raises(NobodyListensError):
        connect(tmp_path)


@pytest.mark.parametrize("turns", range(8))
async def test_who_comes_in_the_moment_that_the_swarm_ends_is_hung_up_on(tmp_path, turns):
    with contextlib.ExitStack() as held:
        async with Heard(tmp_path):
            comer = held.enter_context(connect(tmp_path))
            for _ in range(turns):
                await asyncio.sleep(0)
        comer.setblocking(False)
        with contextlib.suppress(ConnectionResetError):
            assert comer.recv(1) == b""
    gc.collect()  # what nobody closed would be said here, as an error


async def test_a_swarm_that_lost_its_lock_leaves_the_socket_s_place_alone(tmp_path):
    old = Heard(tmp_path)
    await old.listener.open(old.desk)
    async with Heard(tmp_path) as new:
        await old.listener.close(remove=False)
        async with raw(tmp_path, ANNA, Arm(1)) as screen:
            await screen.until(Answer)
        assert new.desk.asked == [("arm", "anna")]
