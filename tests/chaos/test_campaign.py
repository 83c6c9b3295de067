"""The short version of `make chaos`: the durable core, killed at every commit of one outage with two incidents at once."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]


def test_p07_killed_before_and_after_every_commit_nothing_is_lost_nothing_is_done_twice_and_nothing_is_stuck():
    campaign = [sys.executable, str(Path(__file__).with_name("campaign.py")), "--core", "--drill", "approval", "--kills", "60"]
    held = subprocess.run(campaign, capture_output=True, text=True, timeout=220)
    assert held.returncode == 0, held.stdout + held.stderr
    assert "FAIL" not in held.stdout
    told = re.search(r"(\d+) kills, (\d+) incidents, \d+ events, (\d+) effects", held.stdout)
    assert told is not None, held.stdout
    assert told[2] == told[3], "each incident takes one effect"
