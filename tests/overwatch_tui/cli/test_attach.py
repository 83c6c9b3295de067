"""`attach` and `health`: without a swarm, without a terminal, and beside a swarm that listens."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator

import pytest

from agents.telemetry import AgentState
from overwatch_tui.attach.link import socket_path
from tests.overwatch_tui import story
from tests.overwatch_tui.attached import Heard


@pytest.fixture
def listening(home) -> Iterator[Heard]:
    """A swarm's ear in a thread of its own, so that a command may wait for it."""
    home.mkdir(parents=True)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def made() -> Heard:
        return await Heard(home).__aenter__()

    heard = asyncio.run_coroutine_threadsafe(made(), loop).result(5)
    try:
        yield heard
    finally:
        asyncio.run_coroutine_threadsafe(heard.__aexit__(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


@pytest.fixture
def terminal(monkeypatch):
    class Tty:
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "__stdin__", Tty())


def test_without_a_terminal_attaching_is_wrong_usage(cli, monkeypatch):
    monkeypatch.setattr(sys, "__stdin__", None)
    said = cli("attach")
    assert said.status == 2
    assert "needs a terminal" in said.err


def test_where_nobody_listens_the_socket_and_the_remedy_are_said_and_nothing_is_made(cli, home, terminal):
    for words in (("attach",), ("health",)):
        said = cli(*words)
        assert (said.status, said.out) == (1, "")
        assert str(socket_path(home)) in said.err
        assert "`overwatch-tui run` or `overwatch-tui launch`" in said.err
        assert not home.exists()


def test_a_configuration_that_can_not_be_used_is_said_before_the_screen_opens(cli, listening, terminal, configured):
    said = cli("attach", *configured('[screen]\ntheme = "neon"\n'))
    assert said.status == 2
    assert "theme" in said.err


def test_a_key_that_can_not_be_used_is_said_before_the_screen_opens(cli, listening, terminal, configured):
    said = cli("attach", *configured('[screen.keys]\nnothing = "a"\n'))
    assert said.status == 2
    assert said.err.startswith("overwatch-tui: screen.keys: 'nothing' is no action")


def test_a_swarm_whose_agents_are_up_is_well(cli, listening):
    listening.all_well()
    said = cli("health")
    assert (said.status, said.out, said.err) == (0, "the swarm is armed, 6 agents are up\n", "")


def test_a_swarm_that_starts_or_lost_an_agent_is_not_well(cli, listening):
    said = cli("health")
    assert (said.status, said.err) == (1, "overwatch-tui: the swarm is starting\n")
    listening.all_well()
    listening.say(AgentState("Logistics", "down", story.NOW, "boom"))
    said = cli("health")
    assert (said.status, said.out) == (1, "")
    assert "Logistics is down" in said.err
