"""The client of an MCP server that runs elsewhere: it may die, refuse and come back, and the swarm lives on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from agents import toolbox
from agents.seams import ToolError, ToolsUnavailableError
from agents.tool_server import ServerAddress
from agents.toolbox import McpTools

SERVER = Path(__file__).parent.parent / "support" / "tiny_server.py"
TOKEN = "a-token-of-this-test"


async def until(holds, seconds=20.0):
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


class Far:
    """A server that runs already, and the tools that reach it."""

    def __init__(self, clock, folder) -> None:
        self.calls = folder / "calls"
        self.calls.touch()
        self.token_file = folder / "token"
        self.token_file.write_text(TOKEN + "\n")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.server: subprocess.Popen | None = None
        self.tools = McpTools(clock)
        self.address = ServerAddress(f"http://127.0.0.1:{self.port}/mcp", self.token_file)
        self.task = asyncio.create_task(self.tools.run(self.address))

    def start(self) -> Far:
        self.server = subprocess.Popen([sys.executable, str(SERVER), str(self.calls), str(self.port), TOKEN])
        return self

    async def pid(self) -> int:
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
        if self.server is not None:
            self.server.send_signal(signal.SIGCONT)
            self.server.kill()
            self.server.wait()


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_a_token_in_the_clear_goes_to_no_proxy(tmp_path, monkeypatch, variable):
    heard = []

    async def listen(reader, writer):
        heard.append(await reader.read(1))
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as proxy:
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
        (tmp_path / "token").write_text(TOKEN)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with pytest.raises(Exception):  # noqa: B017, PT011 - nobody listens, in whatever group the SDK tells it
            async with ServerAddress(f"http://127.0.0.1:{port}/mcp", tmp_path / "token").connected():
                pass
    assert heard == []


@pytest.fixture
async def far(clock, tmp_path):
    made = Far(clock, tmp_path)
    yield made
    assert not made.task.done()
    await made.stop()


@pytest.mark.processes
async def test_a_call_is_answered_and_an_error_of_the_tool_is_its_own_and_changes_nothing(far):
    pid = await far.start().pid()
    assert pid == far.server.pid
    assert far.tools.problem == ""
    with pytest.raises(ToolError, match="no such app"):
        await far.tools.write("fail", {})
    assert await far.pid() == pid
    assert far.called("fail") == 1


@pytest.mark.processes
async def test_a_server_killed_in_the_middle_of_calls_is_unavailable_to_the_callers_and_ends_no_task_of_the_swarm(far):
    await far.start().pid()
    waiting = [asyncio.create_task(far.tools.write("hang", {"name": f"hang{n}"})) for n in range(3)]
    await until(lambda: all(far.called(f"hang{n}") == 1 for n in range(3)))
    with pytest.raises(ToolsUnavailableError, match="'die' was cut off"):
        await far.tools.write("die", {})
    async with asyncio.timeout(5):
        results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(r, ToolsUnavailableError) for r in results), results
    assert not far.task.done()
    await until(lambda: "is away" in far.tools.problem)
    assert far.address.url in far.tools.problem
    far.server.wait()
    first = far.server.pid
    assert await far.start().pid() != first
    assert [far.called(what) for what in ("die", "hang0", "hang1", "hang2")] == [1, 1, 1, 1]


@pytest.mark.processes
async def test_a_server_that_comes_later_is_found(far):
    await until(lambda: "is away" in far.tools.problem)
    with pytest.raises(ToolsUnavailableError, match="is away"):
        await far.tools.read("who", {})
    assert await far.start().pid()
    assert far.tools.problem == ""


@pytest.mark.processes
async def test_a_wrong_token_is_said_with_the_remedy_and_the_right_one_is_found_without_a_restart(far):
    far.token_file.write_text("another-token")
    far.start()
    await until(lambda: "refused the token" in far.tools.problem)
    assert str(far.token_file) in far.tools.problem
    assert "put the server's own token there" in far.tools.problem
    assert "another-token" not in far.tools.problem
    far.token_file.write_text(TOKEN)
    assert await far.pid() == far.server.pid


@pytest.mark.processes
async def test_a_call_without_an_answer_ends_and_the_connection_that_lives_is_kept(far, monkeypatch):
    await far.start().pid()
    monkeypatch.setattr(toolbox, "READ_SECONDS", 0.2)
    other = asyncio.create_task(far.tools.write("hang", {"name": "other"}))
    with pytest.raises(ToolsUnavailableError, match="did not answer within"):
        await far.tools.read("hang", {})
    monkeypatch.setattr(toolbox, "READ_SECONDS", 10)
    assert await far.pid()
    assert not other.done(), "a slow call cuts off no other"
    other.cancel()
    assert far.called("hang") == 1


@pytest.mark.processes
async def test_a_server_that_answers_nothing_any_more_is_connected_to_anew(far, monkeypatch):
    first = await far.start().pid()
    monkeypatch.setattr(toolbox, "READ_SECONDS", 0.2)
    monkeypatch.setattr(toolbox, "ALIVE_SECONDS", 0.2)
    with pytest.raises(ToolsUnavailableError):
        await far.tools.read("freeze", {})
    await until(lambda: "is away" in far.tools.problem)
    monkeypatch.setattr(toolbox, "READ_SECONDS", 10)
    os.kill(first, signal.SIGCONT)
    assert await far.pid() == first


@pytest.mark.parametrize("content", [None, "", "two words", "naïve", "x" * 5000])
async def test_a_token_file_without_a_token_is_a_problem_with_its_name(clock, tmp_path, content):
    far = Far(clock, tmp_path)
    far.token_file.unlink()
    if content is not None:
        far.token_file.write_text(content, encoding="utf-8")
    await until(lambda: "token file" in far.tools.problem)
    assert str(far.token_file) in far.tools.problem
    await far.stop()


async def test_a_certificate_that_can_not_be_used_is_a_problem_with_its_name(clock, tmp_path):
    token, certificate = tmp_path / "token", tmp_path / "ca.pem"
    token.write_text(TOKEN)
    certificate.write_text("no certificate")
    tools = McpTools(clock)
    task = asyncio.create_task(tools.run(ServerAddress("https://127.0.0.1:1/mcp", token, certificate)))
    await until(lambda: "can't use the certificate" in tools.problem)
    assert str(certificate) in tools.problem
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
