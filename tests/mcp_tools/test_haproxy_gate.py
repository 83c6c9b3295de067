"""Traffic by HAProxy's runtime API: the same cases over a socket that speaks like it and over the real thing."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
from datetime import UTC, datetime

import pytest

from overwatch_mcp.config import DockerTarget, HAProxyConfig
from overwatch_mcp.docker_commands import DockerCommands
from overwatch_mcp.errors import DeniedError, LostError, MissingError, NotDoneError, PlatformError
from overwatch_mcp.haproxy_gate import LARGEST_ANSWER, HAProxyGate

NOW = datetime(2026, 11, 23, 14, 2, tzinfo=UTC)
COLUMNS = (
    "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change "
    "srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn "
    "srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port"
)
SETTINGS = """
global
  stats socket {path} mode 600 level {level}
  server-state-file {path}.state
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend public
  bind 127.0.0.1:{port}
  default_backend regions
backend regions
  load-server-state-from-file global
  server east 127.0.0.1:9 weight 100
  server west 127.0.0.1:9 weight 100 disabled
"""


class FakeHAProxy:
    """Speaks on a socket as HAProxy does. `answers` replaces the answer to a command that begins with its key."""

    def __init__(self) -> None:
        self.servers = {"east": [0, 100], "west": [5, 100]}
        self.answers: dict[str, str] = {}
        self.asked: list[str] = []

    async def serve(self, reader, writer) -> None:
        line = (await reader.readline()).decode()
        for command in line.split(";"):
            self.asked.append(command.strip())
            canned = next((text for key, text in self.answers.items() if command.strip().startswith(key)), None)
            writer.write((self._answer(command.split()) if canned is None else canned).encode())
        await writer.drain()
        writer.close()

    def _answer(self, words: list[str]) -> str:
        if words[:3] == ["show", "servers", "state"]:
            if words[3] != "regions":
                return "Can't find backend.\n\n"
            rows = [
                f"3 regions {n} {name} 127.0.0.1 2 {admin} {weight} 100 1 1 0 2 0 0 0 0 - 9 - 0 0 - - 0"
                for n, (name, (admin, weight)) in enumerate(self.servers.items(), 1)
            ]
            return "\n".join(["1", f"# {COLUMNS}", *rows, "", ""])
        backend, _, server = words[2].partition("/")
        if backend != "regions":
            return "No such backend.\n\n"
        if server not in self.servers:
            return "No such server.\n\n"
        state = self.servers[server]
        if words[3] == "weight":
            state[1] = int(words[4])
        else:
            state[0] = {"ready": state[0] & 4, "drain": state[0] & 4 | 8, "maint": state[0] | 1}[words[4]]
        return "\n"


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "s")


@pytest.fixture
async def fake(path):
    made = FakeHAProxy()
    server = await asyncio.start_unix_server(made.serve, path)
    yield made
    server.close()
    await server.wait_closed()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.asynccontextmanager
async def real_haproxy(path, tmp_path, level="admin"):
    program = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip("no haproxy on this machine: apt-get install haproxy")
    settings = tmp_path / "haproxy.cfg"
    settings.write_text(SETTINGS.format(path=path, level=level, port=free_port()))
    silent = {"stdout": asyncio.subprocess.DEVNULL, "stderr": asyncio.subprocess.DEVNULL}
    process = await asyncio.create_subprocess_exec(program, "-db", "-f", str(settings), **silent)
    try:
        deadline = asyncio.get_running_loop().time() + 10
        while True:
            try:
                _, writer = await asyncio.open_unix_connection(path)
            except OSError:
                assert process.returncode is None, "haproxy ended"
                assert asyncio.get_running_loop().time() < deadline
                await asyncio.sleep(0.02)
            else:
                writer.close()
                await writer.wait_closed()
                break
        yield
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 10)


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.processes)])
async def anywhere(request, path, tmp_path):
    """The socket's path, whoever listens there."""
    if request.param == "real":
        async with real_haproxy(path, tmp_path):
            yield path
        return
    made = FakeHAProxy()
    server = await asyncio.start_unix_server(made.serve, path)
    yield path
    server.close()
    await server.wait_closed()


def gate(path: str, **changes) -> HAProxyGate:
    content = {"socket": path, "backend": "regions", "servers": {"east": "east", "west": "west"}, **changes}
    return HAProxyGate("demo", HAProxyConfig.model_validate(content))


async def shares(one: HAProxyGate):
    return (await one.traffic(NOW)).weights


async def test_traffic_is_moved_and_read_back(anywhere):
    one = gate(anywhere)
    assert await shares(one) == {"east": 100, "west": 0}
    await one.set_server("west", 100)
    assert await shares(one) == {"east": 50, "west": 50}
    await one.set_server("east", 0)
    assert await shares(one) == {"east": 0, "west": 100}
    origins = {origin.region: (origin.enabled, origin.weight) for origin in (await one.traffic(NOW)).origins}
    assert origins == {"east": (False, 100), "west": (True, 100)}
    await one.set_server("east", 30)
    await one.set_server("west", 70)
    assert await shares(one) == {"east": 30, "west": 70}


async def test_the_only_server_with_traffic_is_never_taken_away(anywhere):
    one = gate(anywhere)
    with pytest.raises(NotDoneError, match="enable another one first"):
        await one.set_server("east", 0)
    assert await shares(one) == {"east": 100, "west": 0}


async def test_names_that_haproxy_does_not_know_are_missing(anywhere):
    with pytest.raises(MissingError, match=r"traffic\.backend"):
        await gate(anywhere, backend="nothing").traffic(NOW)
    with pytest.raises(MissingError, match=r"traffic\.servers"):
        await gate(anywhere, servers={"east": "east", "west": "nothing"}).traffic(NOW)
    with pytest.raises(MissingError, match="No such server"):
        await gate(anywhere, servers={"east": "east", "west": "nothing"}).set_server("west", 5)


async def test_the_printed_commands_are_understood(anywhere):
    if shutil.which("socat") is None:
        pytest.skip("no socat on this machine: apt-get install socat")
    traffic = {"socket": anywhere, "backend": "regions", "servers": {"east": "east", "west": "west"}}
    target = {
        "platform": "docker",
        "project": "demo",
        "regions": {r: {"service": r} for r in ("east", "west")},
        "traffic": traffic,
    }
    command = DockerCommands("demo", DockerTarget.model_validate(target)).switch({"east": 0, "west": 100})
    process = await asyncio.create_subprocess_shell(command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    out, err = await process.communicate()
    assert (out.strip(), err) == (b"", b"")
    assert await shares(gate(anywhere)) == {"east": 0, "west": 100}


@pytest.mark.processes
async def test_a_socket_without_the_right_to_change_is_denied(path, tmp_path):
    async with real_haproxy(path, tmp_path, level="operator"):
        with pytest.raises(DeniedError, match="level admin"):
            await gate(path).set_server("west", 100)


@pytest.mark.processes
async def test_a_haproxy_that_is_started_anew_goes_on_with_the_last_change(path, tmp_path):
    async with real_haproxy(path, tmp_path):
        one = gate(path, state_file=f"{path}.state")
        await one.set_server("west", 70)
        await one.set_server("east", 0)
    async with real_haproxy(path, tmp_path):
        assert await shares(gate(path)) == {"east": 0, "west": 100}
        assert [origin.weight for origin in (await gate(path).traffic(NOW)).origins] == [100, 70]


async def test_a_state_that_cant_be_written_is_said_and_does_not_undo_the_change(fake, path, tmp_path, caplog):
    one = gate(path, state_file=str(tmp_path / "nowhere" / "state"))
    await one.set_server("west", 100)
    assert await shares(one) == {"east": 50, "west": 50}
    assert "forget this change" in caplog.text


async def test_what_haproxy_put_beside_its_state_leads_to_no_file_of_ours(fake, path, tmp_path):
    ours, state = tmp_path / "operations.db", tmp_path / "servers.state"
    ours.write_text("the journal")
    for beside in (state, tmp_path / "servers.state.part"):
        beside.symlink_to(ours)
    await gate(path, state_file=str(state)).set_server("west", 100)
    assert ours.read_text() == "the journal"
    assert "west" in state.read_text()
    assert not state.is_symlink()


async def test_a_state_that_cant_be_read_any_more_does_not_undo_the_change(fake, path, tmp_path, caplog, monkeypatch):
    one = gate(path, state_file=str(tmp_path / "state"))
    answered = one._servers

    async def last_words():
        found = await answered()
        fake.answers["show servers"] = "1\n" * LARGEST_ANSWER
        return found

    monkeypatch.setattr(one, "_servers", last_words)
    await one.set_server("west", 100)
    assert "forget this change" in caplog.text
    assert not (tmp_path / "state").exists()


async def test_an_answer_without_an_end_is_not_taken_for_a_whole_one(fake, path):
    rows = "\n".join(f"3 regions {n} s{n} 127.0.0.1 2 4 0 0 1 1" for n in range(10_000))
    fake.answers["show servers"] = f"{fake._answer(['show', 'servers', 'state', 'regions'])}".rstrip() + f"\n{rows}\n"
    with pytest.raises(LostError, match="more than"):
        await gate(path).traffic(NOW)


async def test_a_server_that_is_no_region_and_takes_traffic_is_said(fake, path):
    fake.servers["south"] = [0, 10]
    with pytest.raises(PlatformError, match="'south', which is no region"):
        await gate(path).traffic(NOW)
    fake.servers["south"] = [1, 10]
    assert await shares(gate(path)) == {"east": 100, "west": 0}


async def test_a_change_that_is_not_read_back_is_lost(fake, path):
    fake.answers["set server regions/west state"] = "\n"
    with pytest.raises(LostError, match="not read back"):
        await gate(path).set_server("west", 100)


async def test_nobody_at_the_socket_means_not_done(path):
    with pytest.raises(NotDoneError, match="can't be reached"):
        await gate(path).set_server("west", 100)


async def test_a_connection_that_ends_without_an_answer_is_no_success(fake, path):
    fake.answers["show servers"] = ""
    with pytest.raises(PlatformError, match="can't be read"):
        await gate(path).traffic(NOW)


@pytest.mark.parametrize(
    "answer",
    ["2\n# be_name srv_name srv_admin_state srv_uweight\n", "1\n", "1\n# be_name srv_name\nregions east\n", "\x1b[31mwhat\n"],
)
async def test_an_answer_in_another_form_is_not_guessed_at(fake, path, answer):
    fake.answers["show servers"] = answer
    with pytest.raises(PlatformError, match="can't be read") as caught:
        await gate(path).traffic(NOW)
    assert "\x1b" not in str(caught.value)


async def test_a_refusal_is_told_in_harmless_words(fake, path):
    fake.answers["set server regions/west weight"] = "Backend is using a static \x1b[31mLB\x1b[0m algorithm\n"
    with pytest.raises(NotDoneError, match="Backend is using a static LB algorithm"):
        await gate(path).set_server("west", 50)
