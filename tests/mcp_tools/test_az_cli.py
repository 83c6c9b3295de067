"""The Azure CLI as a process: its arguments, its bounds, and what its words say about the effect."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from pathlib import Path

import pytest

from overwatch_mcp.az_cli import OUTPUT_BYTES, AzCli, az_environment, az_error
from overwatch_mcp.config import FrontDoorConfig
from overwatch_mcp.errors import ConflictError, DeniedError, LostError, MissingError, NotDoneError, ThrottledError


@pytest.fixture
def cli(tmp_path):
    """Makes a CLI of a script."""

    def make(
        script: str, seconds: float = 60, environment: dict[str, str] | None = None, language: str = sys.executable
    ) -> AzCli:
        az = tmp_path / "az"
        az.write_text(f"#!{language}\n{script}\n", encoding="utf-8")
        az.chmod(0o700)
        traffic = FrontDoorConfig(profile="p", origin_group="g", origins={}, az=str(az)).model_copy(
            update={"az_timeout_s": seconds}
        )
        return AzCli(traffic, environment or {"PATH": os.environ["PATH"]}, None)

    return make


HOSTILE = ["afd", "$(touch owned)", "; rm -rf /", "a b", "--flag=`id`", ""]


async def test_arguments_arrive_as_they_are_and_json_is_asked_for(cli):
    az = cli("import json, sys; print(json.dumps(sys.argv[1:]))")
    assert await az.run(HOSTILE, "x") == [*HOSTILE, "-o", "json", "--only-show-errors"]


async def test_a_command_that_prints_nothing_answers_nothing(cli):
    assert await cli("").run(["x"], "x") is None


@pytest.mark.parametrize("printed", ["'Ready.'", "'[' * 9_000"])
async def test_what_is_no_json_is_unknown(cli, printed):
    with pytest.raises(LostError, match="no JSON"):
        await cli(f"print({printed})").run(["x"], "updating")


async def test_what_never_ends_printing_is_bounded_and_unknown(cli):
    with pytest.raises(LostError, match="more than 8 MiB"):
        await cli(f"import sys; sys.stdout.write('1' * {OUTPUT_BYTES + 70_000})").run(["x"], "updating")


async def test_a_flood_of_errors_is_read_away_and_does_not_stop_the_command(cli):
    az = cli("import sys; sys.stderr.write('w' * 2_000_000); print('[]')")
    assert await az.run(["x"], "x") == []


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def until(holds, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "the condition never held"
        await asyncio.sleep(0.01)


HANGING = 'sleep 600 & echo "$$ $!" > "$0.pids"; wait'


async def test_a_command_that_does_not_end_is_killed_with_what_it_started_and_its_outcome_is_unknown(cli, tmp_path):
    with pytest.raises(LostError, match="did not end within"):
        await cli(HANGING, 1.0, language="/bin/sh").run(["x"], "updating")
    pids = [int(pid) for pid in (tmp_path / "az.pids").read_text(encoding="utf-8").split()]
    await until(lambda: all(gone(pid) for pid in pids))


async def test_a_command_that_nobody_waits_for_any_more_is_killed(cli, tmp_path):
    running = asyncio.create_task(cli(HANGING, language="/bin/sh").run(["x"], "updating"))
    pids = tmp_path / "az.pids"
    await until(lambda: pids.exists() and pids.read_text(encoding="utf-8").endswith("\n"))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: all(gone(int(pid)) for pid in pids.read_text(encoding="utf-8").split()))


def marked(mark: str) -> list[str]:
    """The living processes with a mark in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in path.read_text(encoding="utf-8", errors="replace") and not gone(int(path.parent.name)):
                found.append(path.parent.name)
    return found


async def test_a_command_may_be_given_up_at_any_moment_of_its_start_and_leaves_nothing(cli, tmp_path):
    az = cli("sleep 600 & wait", environment={"AZURE_MARK": str(tmp_path), "PATH": os.environ["PATH"]}, language="/bin/sh")
    for steps in range(12):
        running = asyncio.create_task(az.run(["x"], "updating"))
        for _ in range(steps):
            await asyncio.sleep(0)
        running.cancel()
        async with asyncio.timeout(5):
            await asyncio.gather(running, return_exceptions=True)
        assert running.cancelled()
    await until(lambda: not marked(str(tmp_path)))


async def test_what_a_command_left_behind_is_killed_where_it_holds_the_answer_back(cli, tmp_path):
    with pytest.raises(LostError, match="did not end within"):
        await cli('sleep 600 & echo "$!" > "$0.pids"', 1.0, language="/bin/sh").run(["x"], "updating")
    pid = int((tmp_path / "az.pids").read_text(encoding="utf-8"))
    await until(lambda: gone(pid))


async def test_a_program_that_is_not_there_did_nothing(tmp_path):
    traffic = FrontDoorConfig(profile="p", origin_group="g", origins={}, az=str(tmp_path / "none"))
    with pytest.raises(NotDoneError, match=r"install the Azure CLI, name it in traffic\.az"):
        await AzCli(traffic, dict(os.environ), None).run(["x"], "updating")


async def test_the_environment_holds_what_the_cli_needs_and_no_secret(cli, tmp_path):
    environment = {
        "HOME": "/home/x",
        "PATH": "/bin",
        "AZURE_CONFIG_DIR": "/cfg",
        "AZURE_CLIENT_SECRET": "s3cret",
        "AZURE_CLIENT_CERTIFICATE_PASSWORD": "s3cret",
        "OPENAI_API_KEY": "s3cret",
        "PYTHONPATH": "/elsewhere",
        "LD_PRELOAD": "/evil.so",
        "https_proxy": "http://proxy",
    }
    seen = await cli("import json, os; print(json.dumps(dict(os.environ)))", environment=environment).run(["x"], "x")
    assert seen.items() >= {"HOME": "/home/x", "PATH": "/bin", "AZURE_CONFIG_DIR": "/cfg", "https_proxy": "http://proxy"}.items()
    assert "s3cret" not in json.dumps(seen)
    assert not {"PYTHONPATH", "LD_PRELOAD"} & set(seen)
    assert seen["AZURE_CORE_COLLECT_TELEMETRY"] == "0"


def test_the_targets_certificate_is_trusted_whatever_the_environment_names():
    assert az_environment({}, Path("/ca.pem"))["REQUESTS_CA_BUNDLE"] == "/ca.pem"
    assert az_environment({"REQUESTS_CA_BUNDLE": "/own.pem"}, Path("/ca.pem"))["REQUESTS_CA_BUNDLE"] == "/ca.pem"
    assert az_environment({"REQUESTS_CA_BUNDLE": "/own.pem"}, None)["REQUESTS_CA_BUNDLE"] == "/own.pem"
    assert "REQUESTS_CA_BUNDLE" not in az_environment({}, None)


def printed(code: str) -> str:
    return f"ERROR: ({code}) Something about it.\nCode: {code}\nMessage: Something about it.\n"


def rest(phrase: str, code: str) -> str:
    return f'ERROR: {phrase}({{"error": {{"code": "{code}", "message": "Something about it."}}}})\n'


WORDS = [
    (1, printed("ResourceNotFound"), MissingError),
    (3, "ERROR: The Resource was not found.", MissingError),
    (1, printed("ResourceGroupNotFound"), MissingError),
    (1, printed("AuthorizationFailed"), DeniedError),
    (1, printed("InvalidAuthenticationTokenTenant"), DeniedError),
    (1, "ERROR: Please run 'az login' to setup account.", DeniedError),
    (1, "ERROR: AADSTS700082: The refresh token has expired due to inactivity.", DeniedError),
    (1, printed("Conflict"), ConflictError),
    (1, printed("AnotherOperationInProgress"), ConflictError),
    (1, "ERROR: Operation returned an invalid status 'Conflict'", ConflictError),
    (1, printed("TooManyRequests"), ThrottledError),
    (1, "ERROR: Operation returned an invalid status 'Too Many Requests'", ThrottledError),
    (1, printed("BadRequest"), NotDoneError),
    (1, printed("InvalidParameterValue"), NotDoneError),
    (2, "ERROR: 'afx' is misspelled or not recognized by the system.", NotDoneError),
    (1, printed("InternalServerError"), LostError),
    (1, printed("GatewayTimeout"), LostError),
    (1, "ERROR: ('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))", LostError),
    (1, "Traceback (most recent call last): something about a (Conflict) inside", LostError),
    (1, rest("Bad Request", "InvalidRequestContent"), NotDoneError),
    (1, rest("Bad Request", "Conflict"), ConflictError),
    (1, rest("Unauthorized", "InvalidAuthenticationToken"), DeniedError),
    (1, rest("Forbidden", "AuthorizationFailed"), DeniedError),
    (1, rest("Not Found", "OddCode"), MissingError),
    (1, rest("Conflict", "OddCode"), ConflictError),
    (1, rest("Too Many Requests", "OddCode"), ThrottledError),
    (1, rest("Internal Server Error", "OddCode"), LostError),
    (1, rest("Service Unavailable", "Conflict"), LostError),
    (1, rest("Request Timeout", "BadRequest"), LostError),
    (1, rest("Something Else", "OddCode"), LostError),
    (-9, "", LostError),
]


@pytest.mark.parametrize(("status", "words", "meaning"), WORDS)
def test_its_words_say_what_is_known_about_the_effect(status, words, meaning):
    error = az_error(status, words, "updating 'west'")
    assert type(error) is meaning
    assert str(error).startswith("updating 'west': az: ")
    assert "\n" not in str(error)


async def test_a_command_that_fails_raises_what_its_words_say(cli):
    az = cli("import sys; sys.stderr.write('ERROR: (Conflict) \\x1b[2Jbusy\\n'); sys.exit(1)")
    with pytest.raises(ConflictError, match=r"updating: az: \(Conflict\) busy"):
        await az.run(["x"], "updating")
