"""What is written wrongly: one clear line on stderr, nothing on stdout, and a status that tells usage from failure."""

from __future__ import annotations

import pytest

from mini_app.local_azure.server import LOCATIONS
from overwatch_tui.demo import REGIONS


def test_no_command_shows_the_help_and_is_wrong_usage(cli):
    said = cli()
    assert said.status == 2
    assert "Usage: overwatch-tui" in said.out + said.err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("bogus",), "bogus"),
        (("approve",), "ID"),
        (("chaos", "outage"), "--region"),
        (("chaos", "degrade", "--region", "east", "--scope", "galaxy"), "galaxy"),
        (("chaos", "degrade", "--region", "east", "--error-rate", "7"), "--error-rate"),
        (("incidents", "list", "--limit", "0"), "--limit"),
        (("drill", "flood"), "'flood' is not a scenario; known: outage"),
        (("drill", "outage", "--region", "nowhere"), "'nowhere' is not a region of the demo: choose one of east, west"),
        (("run", "--config", "absent.toml"), "absent.toml"),
        (("launch",), "needs a terminal: without one, use `overwatch-tui run`"),
    ],
)
def test_wrong_usage_names_the_value_and_ends_with_2(cli, home, words, named):
    said = cli(*words)
    assert (said.status, said.out) == (2, "")
    assert named in said.err
    assert "Traceback" not in said.err
    assert not home.exists()


def test_the_regions_that_are_known_before_the_demo_runs_are_those_that_it_has():
    assert tuple(LOCATIONS) == REGIONS


@pytest.mark.parametrize("command", [("run",), ("drill", "outage"), ("chaos", "recover", "--region", "east")])
def test_a_wrong_key_is_refused_with_the_nearest_one(cli, configured, command):
    said = cli(*command, *configured("[policy]\ntreshold = 1\n"))
    assert said.status == 2
    assert "'policy.treshold' is not a setting; did you mean 'threshold'?" in said.err


@pytest.mark.parametrize("command", [("run",), ("drill", "calm")])
def test_a_home_that_can_not_be_written_is_named_with_the_remedy(cli, home, command):
    home.write_text("a file where the folder should be")
    said = cli(*command)
    assert said.status == 1
    assert repr(str(home)) in said.err
    assert "set OVERWATCH_HOME" in said.err


@pytest.mark.parametrize(
    ("keys", "named"),
    [('"aprove" = "x"', "'aprove' is no action"), ('"approval.approve" = "x"', "give one of them another key")],
)
def test_a_key_map_that_can_not_be_used_is_wrong_usage(cli, configured, monkeypatch, keys, named):
    monkeypatch.setattr("sys.__stdin__.isatty", lambda: True, raising=False)
    said = cli("launch", *configured(f"[screen.keys]\n{keys}\n"))
    assert said.status == 2
    assert "screen.keys" in said.err
    assert named in said.err
