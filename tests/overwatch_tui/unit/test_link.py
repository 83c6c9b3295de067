"""The socket in the home: who may use it, where it may lie, and what a health check makes of the answer."""

from __future__ import annotations

import asyncio
import os
import socket
import stat

import pytest

from overwatch_tui.attach import link, listener
from overwatch_tui.attach.link import AttachError, NobodyListensError, Report, ask_health, connect, socket_path, verdict
from tests.overwatch_tui import story
from tests.overwatch_tui.attached import ANNA, Heard, raw


def left_behind(path):
    """A socket whose swarm was killed."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))


def test_where_nobody_listens_the_socket_and_the_remedy_are_named(tmp_path):
    with pytest.raises(NobodyListensError, match=r"swarm\.sock'.*overwatch-tui run.*launch.*OVERWATCH_HOME"):
        connect(tmp_path)
    with pytest.raises(NobodyListensError):
        connect(tmp_path / "no" / "such" / "home")
    left_behind(socket_path(tmp_path))
    with pytest.raises(NobodyListensError):
        connect(tmp_path)


async def test_a_socket_that_a_killed_swarm_left_is_replaced_by_the_next_swarm(tmp_path):
    left_behind(socket_path(tmp_path))
    async with Heard(tmp_path), raw(tmp_path, ANNA) as screen:
        assert await screen.next() == link_welcome()
    assert not socket_path(tmp_path).exists()


def link_welcome():
    from overwatch_tui.attach.wire import Welcome

    return Welcome(link.PROTOCOL)


async def test_nobody_else_may_use_the_socket_from_its_first_moment_on(tmp_path, monkeypatch):
    modes = []
    listen = socket.socket.listen

    class Watched(socket.socket):
        def listen(self, *arguments):
            modes.extend(stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir())
            listen(self, *arguments)

    monkeypatch.setattr(listener.socket, "socket", Watched)
    before = os.umask(0)
    try:
        async with Heard(tmp_path):
            modes.append(stat.S_IMODE(socket_path(tmp_path).stat().st_mode))
    finally:
        os.umask(before)
    assert set(modes) == {0o600}
    assert len(modes) >= 2


async def test_a_home_too_deep_for_a_socket_s_path_works_all_the_same(tmp_path):
    deep = tmp_path / ("deep-" * 40) / ("er-" * 40)
    deep.mkdir(parents=True)
    async with Heard(deep), raw(deep, ANNA) as screen:
        assert await screen.next() == link_welcome()


def test_where_the_system_has_no_way_to_a_deep_home_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(link.sys, "platform", "darwin")
    with pytest.raises(AttachError, match="OVERWATCH_HOME to a shorter one"):
        connect(tmp_path / ("deep-" * 30))


async def test_a_swarm_that_can_not_listen_says_why_and_goes_on(tmp_path):
    socket_path(tmp_path).mkdir()
    heard = Heard(tmp_path)
    await heard.listener.open(heard.desk)
    assert "nobody can attach" in heard.listener.problem
    assert "OVERWATCH_HOME" in heard.listener.problem
    heard.say(story.swarm_state())
    await heard.listener.close(remove=True)


async def test_a_socket_of_another_user_is_not_spoken_to(tmp_path, monkeypatch):
    async with Heard(tmp_path):
        monkeypatch.setattr(link.os, "geteuid", lambda: 4_242)
        with pytest.raises(AttachError, match="not by you"):
            connect(tmp_path)


async def test_a_screen_of_another_user_is_told_why_it_is_not_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(listener, "peer", lambda _connection: 4_242)
    async with Heard(tmp_path), raw(tmp_path, ANNA) as screen:
        refused = await screen.next()
        assert "user 4242" in refused.why
        assert await screen.next() is None


async def test_a_swarm_is_asked_for_its_health_without_a_screen(tmp_path):
    async with Heard(tmp_path) as swarm:
        starting = await asyncio.to_thread(ask_health, tmp_path, 5)
        assert verdict(starting, fresh_s=10) == "the swarm is starting"
        swarm.all_well()
        report = await asyncio.to_thread(ask_health, tmp_path, 5)
        assert report.status == "armed"
        assert set(report.agents.values()) == {"idle"}
        assert verdict(report, fresh_s=60) == ""


async def test_the_health_says_paused_at_once_and_not_only_when_the_swarm_tells_so_again(tmp_path):
    async with Heard(tmp_path) as swarm:
        swarm.all_well()
        swarm.desk.is_paused = True
        report = await asyncio.to_thread(ask_health, tmp_path, 5)
    assert (report.status, verdict(report, fresh_s=60)) == ("paused", "")


SIX = dict.fromkeys(("Sentry", "Logistics"), "idle")


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (Report("armed", SIX, 1.0), ""),
        (Report("paused", SIX | {"Sentry": "working"}, 1.0), ""),
        (Report("armed", SIX, None), "starting"),
        (Report("armed", SIX, 11.0), "for 11 s"),
        (Report("armed", SIX | {"Sentry": "down"}, 1.0), "Sentry is down"),
        (Report("armed", dict.fromkeys(SIX, "down"), 1.0), "Logistics, Sentry are down"),
        (Report("armed", SIX | {"Sentry": "starting"}, 1.0), "Sentry is starting"),
    ],
)
def test_a_health_check_fails_with_its_reason(report, said):
    verdict_ = verdict(report, fresh_s=10)
    assert said in verdict_
    assert bool(verdict_) is bool(said)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"no json\n",
        b"[]\n",
        b'{"kind":"health","body":{}}\n',
        b'{"kind":"health","body":{"status":"armed","agents":[]}}\n',
        b'{"kind":"health","body":{"status":"armed","agents":{},"age_s":NaN}}\n',
        b'{"kind":"health","body":{"status":"armed","agents":{},"age_s":1' + b"0" * 400 + b"}}\n",
    ],
    ids=["nothing", "text", "list", "empty", "agents", "nan", "huge"],
)
def test_an_answer_that_is_none_is_no_health(tmp_path, answer):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(socket_path(tmp_path)))
        server.listen()

        async def asked():
            asking = asyncio.create_task(asyncio.to_thread(ask_health, tmp_path, 5))
            other, _ = await asyncio.to_thread(server.accept)
            with other:
                other.recv(100)
                other.sendall(answer)
                other.shutdown(socket.SHUT_RDWR)
            await asking

        with pytest.raises(AttachError, match="same version"):
            asyncio.run(asked())


def test_a_swarm_that_hangs_is_not_waited_for(tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(socket_path(tmp_path)))
        server.listen()
        with pytest.raises(AttachError, match="does not answer"):
            ask_health(tmp_path, 0.05)
