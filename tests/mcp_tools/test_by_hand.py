"""A write from the command line goes the way of every other one, and ends with a status that a script can rely on."""

from __future__ import annotations

import asyncio
import json

import pytest

from overwatch_mcp import by_hand
from overwatch_mcp.by_hand import main, undo


@pytest.fixture
def hand(bench, tmp_path, monkeypatch):
    """The command line over the platform in memory; each command is a process of its own to the journal."""
    path = tmp_path / "mcp.json"
    path.write_text(json.dumps(bench.config), encoding="utf-8")
    monkeypatch.setenv("OVERWATCH_MCP_CONFIG", str(path))
    monkeypatch.setattr(by_hand, "Workshop", lambda _config, _clock: bench.anew())
    return bench


def restarted_by_the_swarm(bench, epoch: int) -> None:
    result = asyncio.run(bench.run("restart_service", f"swarm-{epoch}", epoch=epoch, region="west"))
    assert result.status == "succeeded"


SCALE = ("--target", "demo", "--region", "east", "--replicas", "3")


def test_a_person_is_not_refused_where_the_swarm_has_acted_and_does_not_overtake_it(hand, capsys):
    restarted_by_the_swarm(hand, 7)
    assert main("scale_service", [*SCALE, "--dry-run"]) == 0
    assert main("scale_service", [*SCALE, "--operation-id", "hand-1"]) == 0
    assert undo(["--undoes", "hand-1"]) == 0
    assert '"undoes": "hand-1"' in capsys.readouterr().out
    hand.anew()
    restarted_by_the_swarm(hand, 7)


def test_a_stale_epoch_by_hand_is_refused(hand, capsys):
    restarted_by_the_swarm(hand, 7)
    assert main("scale_service", [*SCALE, "--epoch", "6"]) == 2
    assert "epoch 6 is stale" in capsys.readouterr().out
    assert hand.platform.revisions_made() == 0


@pytest.mark.parametrize("weights", ["east=1" + "0" * 5_000 + ",west=0", "east=١,west=99", "east=-1,west=101", "east,west", ""])
def test_weights_that_make_no_sense_are_an_error_that_says_how(hand, capsys, weights):
    assert main("switch_traffic", ["--target", "demo", "--weights", weights]) == 2
    assert "give each region once, as east=0,west=100" in capsys.readouterr().err
    assert not hand.platform.history


def test_an_empty_name_is_not_taken_for_no_name(hand, capsys):
    assert main("rollback_revision", ["--target", "demo", "--region", "east", "--revision", ""]) == 2
    assert "revision '' is not usable" in capsys.readouterr().err
