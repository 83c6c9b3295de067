"""How the demo's cloud ends: told to, killed, forgotten, or unable to start; never with a process left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cloud_support import ROOT, eventually
from processes import children_of, running

from mini_app.local_azure import __main__ as program

pytestmark = pytest.mark.processes


def left(pids: list[int]) -> list[int]:
    """What still runs, once it had a moment to notice."""
    eventually(lambda: not running(pids), 10)
    return running(pids)


def test_a_cloud_that_is_told_to_end_takes_its_children_along(tmp_path, cloud_in):
    cloud = cloud_in(tmp_path).wait_ready()
    children = children_of(cloud.process.pid)
    assert len(children) == 2
    cloud.process.terminate()
    assert cloud.process.wait(10) == 0
    assert running(children) == []
    assert not (tmp_path / "local_azure.json").exists()


def test_the_children_of_a_killed_cloud_end_by_themselves(tmp_path, cloud_in):
    cloud = cloud_in(tmp_path).wait_ready()
    children = children_of(cloud.process.pid)
    assert len(children) == 2
    cloud.process.kill()
    cloud.process.wait(10)
    assert left(children) == []


def test_a_cloud_goes_on_while_its_lease_is_renewed_and_ends_when_nobody_does(tmp_path, cloud_in):
    cloud = cloud_in(tmp_path, "--lease-seconds", "1").wait_ready()
    children = children_of(cloud.process.pid)
    began = cloud.uptime()
    while cloud.uptime() < began + 1.5:
        assert cloud.control("POST", "lease").json() == {"renewed": True}
    assert cloud.process.wait(10) == 0
    assert running(children) == []


def test_a_cloud_that_is_still_starting_hides_what_a_killed_one_left_and_ends_at_once(tmp_path, cloud_in):
    (tmp_path / "local_azure.json").write_text("{}", encoding="utf-8")
    cloud = cloud_in(tmp_path)
    children = eventually(lambda: two if len(two := replicas_of(cloud.process.pid)) == 2 else None)
    assert not (tmp_path / "local_azure.json").exists()
    for child in children:
        os.kill(child, signal.SIGSTOP)  # it will never be ready
    cloud.process.terminate()
    for child in children:
        eventually(lambda child=child: told_to_end(child), 5)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGCONT)
    assert cloud.process.wait(5) == 0
    assert left(children) == []
    assert not (tmp_path / "local_azure.json").exists()


def test_a_cloud_whose_replicas_cannot_start_says_which_log_to_read(tmp_path):
    (tmp_path / "demo.db").write_bytes(b"this is no database" * 100)
    command = [sys.executable, "-m", "mini_app.local_azure", "--state-dir", str(tmp_path), "--replicas", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("no replica of east started: read ")
    log = done.stderr.strip().rpartition(" ")[2]
    assert "not a database" in Path(log).read_text(encoding="utf-8")
    assert not (tmp_path / "local_azure.json").exists()


def replicas_of(pid: int) -> list[int]:
    """The children that have become replicas: one that is stopped earlier would hold up its parent."""
    found = []
    for child in children_of(pid):
        with contextlib.suppress(OSError):
            found += [child] if b"mini_app.backend" in Path(f"/proc/{child}/cmdline").read_bytes() else []
    return found


def told_to_end(pid: int) -> bool:
    """Whether a stopped process has a SIGTERM waiting for it, or is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return True
    pending = next(line.split()[1] for line in lines if line.startswith("ShdPnd:"))
    return bool(int(pending, 16) & 1 << (signal.SIGTERM - 1))


@pytest.mark.parametrize(
    "option",
    [
        *("--replicas=0", "--replicas=-1", "--replicas=21", "--replicas=x", "--rps=-1", "--rps=201"),
        *("--lease-seconds=0", "--lease-seconds=nan", "--lease-seconds=inf", "--frontdoor-probe-interval=0"),
    ],
)
def test_an_option_out_of_bounds_is_refused(tmp_path, monkeypatch, capsys, option):
    monkeypatch.setattr(sys, "argv", ["local_azure", "--state-dir", str(tmp_path / "new"), option])
    with pytest.raises(SystemExit, match="2"):
        program.main()
    assert option.partition("=")[0] in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
