"""The client of the MCP server: any failure is "unknown", the server is started anew, and no call is ever repeated."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest
from processes import children_of, running

from agents import toolbox
from agents.seams import ToolError, ToolsUnavailableError
from agents.tool_server import ServerCommand
from agents.toolbox import McpTools

SERVER = Path(__file__).parent.parent / "support" / "tiny_server.py"


async def until(holds, seconds=20.0):
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


class Toolbox:
    """The tools with the tiny server behind them."""

    def __init__(self, clock, folder, command=None) -> None:
        self.calls = folder / "calls"
        self.calls.touch()
        self.server = ServerCommand(command or [sys.executable, str(SERVER), str(self.calls)], {}, folder / "logs" / "server.log")
        self.tools = McpTools(clock)
        self.task = asyncio.create_task(self.tools.run(self.server))

    async def pid(self) -> int:
        """The server's process, once it answers."""
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(ToolsUnavailableError):
                    return (await self.tools.read("who", {}))["pid"]
                await asyncio.sleep(0.01)

    def called(self, what) -> int:
        return self.calls.read_text().split().count(what)

    async def stop(self):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
async def box(clock, tmp_path):
    made = Toolbox(clock, tmp_path)
    yield made
    await made.stop()
    assert running(children_of(os.getpid())) == []


@pytest.mark.processes
async def test_a_call_is_answered_and_an_error_of_the_tool_is_its_own_and_changes_nothing(box):
    pid = await box.pid()
    assert box.tools.problem == ""
    with pytest.raises(ToolError, match="no such app"):
        await box.tools.write("fail", {})
    assert await box.pid() == pid
    assert box.called("fail") == 1


@pytest.mark.processes
async def test_when_the_server_dies_all_calls_in_flight_end_at_once_and_none_is_repeated(box):
    first = await box.pid()
    waiting = [asyncio.create_task(box.tools.write("hang", {"name": f"hang{n}"})) for n in range(3)]
    await until(lambda: all(box.called(f"hang{n}") == 1 for n in range(3)))
    with pytest.raises(ToolsUnavailableError, match="'die' was cut off"):
        await box.tools.write("die", {})
    async with asyncio.timeout(5):
        results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(r, ToolsUnavailableError) for r in results)
    second = await box.pid()
    assert second != first
    assert [box.called(what) for what in ("die", "hang0", "hang1", "hang2")] == [1, 1, 1, 1]


@pytest.mark.processes
async def test_a_server_that_died_while_nobody_asked_is_started_anew_after_the_next_call(box):
    first = await box.pid()
    os.kill(first, signal.SIGKILL)
    assert await box.pid() != first


@pytest.mark.processes
async def test_a_call_without_an_answer_ends_and_the_server_that_lives_is_kept(box, monkeypatch):
    pid = await box.pid()
    monkeypatch.setattr(toolbox, "READ_SECONDS", 0.2)
    other = asyncio.create_task(box.tools.write("hang", {"name": "other"}))
    with pytest.raises(ToolsUnavailableError, match="did not answer within"):
        await box.tools.read("hang", {})
    monkeypatch.setattr(toolbox, "READ_SECONDS", 10)
    assert await box.pid() == pid
    assert not other.done(), "a slow call cuts off no other"
    other.cancel()
    assert box.called("hang") == 1


@pytest.mark.processes
async def test_a_server_that_answers_nothing_any_more_is_ended_and_started_anew(box, monkeypatch):
    first = await box.pid()
    monkeypatch.setattr(toolbox, "READ_SECONDS", 0.2)
    monkeypatch.setattr(toolbox, "ALIVE_SECONDS", 0.2)
    with pytest.raises(ToolsUnavailableError):
        await box.tools.read("freeze", {})
    await until(lambda: not running([first]))
    monkeypatch.setattr(toolbox, "READ_SECONDS", 10)
    assert await box.pid() != first
    assert box.called("freeze") == 1


@pytest.mark.processes
async def test_what_the_server_does_not_know_is_an_error_and_never_a_result(box):
    await box.pid()
    with pytest.raises((ToolError, ToolsUnavailableError)):
        await box.tools.write("delete_everything", {})
    with pytest.raises((ToolError, ToolsUnavailableError)):
        await box.tools.write("hang", {"name": {"not": "a string"}})
    assert await box.pid()


@pytest.mark.processes
async def test_cancelled_with_calls_in_flight_they_end_and_no_process_is_left(box):
    pid = await box.pid()
    waiting = asyncio.create_task(box.tools.write("hang", {}))
    await until(lambda: box.called("hang") == 1)
    await box.stop()
    with pytest.raises(ToolsUnavailableError):
        await waiting
    assert running([pid]) == []
    with pytest.raises(ToolsUnavailableError):
        await box.tools.read("who", {})


@pytest.mark.processes
async def test_a_caller_that_goes_away_takes_nothing_with_it(box):
    pid = await box.pid()
    waiting = asyncio.create_task(box.tools.write("hang", {}))
    await until(lambda: box.called("hang") == 1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert await box.pid() == pid


async def test_before_the_server_is_wanted_a_call_ends_at_once(clock):
    tools = McpTools(clock)
    with pytest.raises(ToolsUnavailableError, match="not started"):
        await tools.read("who", {})
    assert await tools.wait_up(0.01) is False


@pytest.mark.parametrize("command", [["/nowhere/overwatch-mcp"], [sys.executable, "-c", "raise SystemExit('bad configuration')"]])
async def test_a_server_that_can_not_be_started_is_a_problem_with_the_way_to_its_log(clock, tmp_path, command):
    box = Toolbox(clock, tmp_path, command)
    await until(lambda: "went away" in box.tools.problem)
    assert str(box.server.log) in box.tools.problem
    with pytest.raises(ToolsUnavailableError, match="went away"):
        await box.tools.read("who", {})
    await box.stop()


class Client:
    """The SDK's client, with answers that the test gives."""

    def __init__(self, answers) -> None:
        self.answers = answers
        self.called: list[str] = []

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def call_tool(self, tool, arguments):
        self.called.append(tool)
        return await self.answers[tool]

    async def list_tools(self):
        return []


@pytest.fixture
async def scripted(clock, tmp_path, monkeypatch):
    """Tools over a client whose answers are futures of the test, and which is not made anew when it broke."""
    import mcp.client

    answers: dict[str, asyncio.Future] = {}
    client = Client(answers)
    monkeypatch.setattr(mcp.client, "Client", lambda _: client)
    monkeypatch.setattr(clock, "sleep", lambda _: asyncio.Event().wait())
    tools = McpTools(clock)
    task = asyncio.create_task(tools.run(ServerCommand(["unused"], {}, tmp_path / "log")))
    assert await tools.wait_up(20)
    yield tools, client
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("turns", range(12))
async def test_a_call_made_while_the_connection_breaks_ends_whenever_it_comes(scripted, turns):
    tools, client = scripted
    loop, answers = asyncio.get_running_loop(), client.answers
    answers |= {"a": loop.create_future(), "b": loop.create_future()}
    first = asyncio.create_task(tools.write("a", {}))
    for _ in range(5):
        await asyncio.sleep(0)
    answers["a"].set_exception(ConnectionError("gone"))
    for _ in range(turns):
        await asyncio.sleep(0)
    second = asyncio.create_task(tools.write("b", {}))
    loop.call_later(0.05, lambda: answers["b"].done() or answers["b"].set_exception(ConnectionError("gone")))
    async with asyncio.timeout(5):
        results = await asyncio.gather(first, second, return_exceptions=True)
    assert all(isinstance(r, ToolsUnavailableError) for r in results)


async def test_whoever_is_cancelled_while_the_server_comes_up_stays_cancelled(clock):
    tools = McpTools(clock)
    waiting = asyncio.create_task(tools.wait_up(5))
    for _ in range(3):
        await asyncio.sleep(0)
    tools._up.set()
    for _ in range(2):  # the event's own waiter ends one turn before whoever waits for it
        waiting.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_what_nobody_waits_for_any_more_is_not_called(scripted):
    tools, client = scripted
    caller = asyncio.create_task(tools.write("a", {}))
    asyncio.get_running_loop().call_soon(caller.cancel)
    await asyncio.gather(caller, return_exceptions=True)
    for _ in range(20):
        await asyncio.sleep(0)
    assert client.called == []


async def test_a_server_that_served_is_started_anew_soon_however_often_others_failed_before(clock, tmp_path, monkeypatch):
    import mcp.client
    from mcp.types import CallToolResult

    slept = []
    lives = iter([False] * 6 + [True] + [False] * 99)

    class Life(Client):
        async def __aenter__(self):
            if not next(lives):
                raise ConnectionError("it does not start")
            return self

        async def call_tool(self, tool, arguments):
            if tool == "end":
                raise ConnectionError("gone")
            return CallToolResult(content=[], structured_content={"ok": 1})

    async def sleep(seconds):
        slept.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(clock, "sleep", sleep)
    monkeypatch.setattr(mcp.client, "Client", lambda _: Life({}))
    tools = McpTools(clock)
    task = asyncio.create_task(tools.run(ServerCommand(["unused"], {}, tmp_path / "log")))
    assert await tools.wait_up(20)
    assert slept == [0.5, 1, 2, 4, 8, 10]
    assert await tools.read("who", {}) == {"ok": 1}
    with pytest.raises(ToolsUnavailableError):
        await tools.read("end", {})
    await until(lambda: len(slept) > 6)
    assert slept[6] == 0.5
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_call_that_the_sdk_cancels_by_itself_is_cut_off_and_the_client_is_not_used_again(scripted):
    tools, client = scripted
    client.answers["a"] = asyncio.get_running_loop().create_future()
    client.answers["a"].cancel()
    with pytest.raises(ToolsUnavailableError, match="'a' was cut off: the connection broke"):
        await tools.write("a", {})
    await until(lambda: "the connection broke" in tools.problem)
    with pytest.raises(ToolsUnavailableError, match="went away"):
        await tools.read("a", {})


async def test_a_cancellation_that_nobody_asked_for_does_not_end_the_swarms_task(clock, tmp_path, monkeypatch):
    import mcp.client

    lives = iter([asyncio.CancelledError(), BaseExceptionGroup("", [asyncio.CancelledError(), ConnectionError("gone")]), None])

    class Life(Client):
        async def __aenter__(self):
            if (end := next(lives)) is not None:
                raise end
            return self

    async def sleep(_):
        await asyncio.sleep(0)

    monkeypatch.setattr(clock, "sleep", sleep)
    monkeypatch.setattr(mcp.client, "Client", lambda _: Life({}))
    tools = McpTools(clock)
    task = asyncio.create_task(tools.run(ServerCommand(["unused"], {}, tmp_path / "log")))
    assert await tools.wait_up(20)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
