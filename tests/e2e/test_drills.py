"""Every drill, with the real program, the real demo and the real MCP server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest
from long_support import LONG
from processes import running

from agents.catalogue import load_catalogue
from agents.clock import SystemClock
from agents.durable.audit import examine
from agents.durable.store import Store
from agents.orchestrator.explain import explain

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]


def drill(environment, tmp_path, *arguments):
    """Run one drill; its report, its exit status, and what it said besides."""
    done = subprocess.run(
        [sys.executable, "-m", "overwatch_tui", "drill", *arguments, "--json"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
    )
    report = json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}
    return report, done.returncode, f"{report} {done.stderr}"


def replayed(tmp_path):
    """How each decision of the gate in this home's log came out when it was made again."""

    async def read():
        store = await Store.open(tmp_path / "home" / "overwatch.db", exclusive=False, clock=SystemClock())
        try:
            incidents = await store.incidents(limit=1000)
            told = [await store.events_of(incident.id) for incident in incidents]
        finally:
            await store.close()
        return [one.replayed for events in told for one in explain(events, load_catalogue()) if one.basis is not None]

    return asyncio.run(read())


def gone(tmp_path):
    """The demo of this home wrote down its process id; nothing of it may be left."""
    facts = tmp_path / "home" / "demo" / "local_azure.json"
    return not facts.exists() or running([json.loads(facts.read_text())["pid"]]) == []


@pytest.mark.parametrize("scenario", ["outage", "degrade", "crash", "both"])
def test_the_drill_exits_0_with_everything_that_it_asks_for(environment, tmp_path, scenario):
    report, status, said = drill(environment, tmp_path, scenario)
    assert status == 0, said
    assert report["scenario"] == scenario
    assert report["harm"] == 0
    assert report["resolved"]
    assert gone(tmp_path)
    again = replayed(tmp_path)
    assert again
    assert set(again) == {"same"}
    assert examine(tmp_path / "home" / "overwatch.db").broken is None


@LONG
def test_rounds_earn_a_record_and_say_how_it_changed(environment, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "overwatch_tui", "drill", "outage", "--repeat", "2", "--json"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
    )
    said = f"{done.stdout} {done.stderr}"
    assert done.returncode == 0, said
    first, second, summary = map(json.loads, done.stdout.splitlines())
    assert (first["region"], second["region"]) == ("east", "west"), said
    assert (summary["held"], summary["as_asked"], summary["verified"], summary["harm"]) == (2, 2, 2, 0)
    assert "failover_region × region_down: 0 → 2 outcomes, track record 0.7" in done.stderr
    known = subprocess.run(
        [sys.executable, "-m", "overwatch_tui", "calibration", "--json"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    measured = json.loads(known.stdout)
    assert (measured["outcomes"], measured["simulated"], measured["unnumbered"]) == (2, 2, 0)
    assert gone(tmp_path)


def test_a_person_who_rejects_is_obeyed(environment, tmp_path):
    report, status, said = drill(environment, tmp_path, "outage", "--reject")
    assert status == 0, said
    assert report["actions"] == []
    assert report["verified"] is False
    assert set(replayed(tmp_path)) == {"same"}


def test_calm_is_quiet(environment, tmp_path):
    report, status, said = drill(environment, tmp_path, "calm")
    assert status == 0, said
    assert report["detected_s"] is None
    assert report["actions"] == []
    assert replayed(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "said"), [(("flood",), "not a scenario"), (("outage", "--region", "north"), "not a region")]
)
def test_what_can_not_be_drilled_is_said(environment, tmp_path, arguments, said):
    _, status, told = drill(environment, tmp_path, *arguments)
    assert status == 2
    assert said in told
    assert gone(tmp_path)
