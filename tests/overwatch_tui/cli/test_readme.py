"""The README says what is true: its commands, its keys, its configuration and its picture."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from xml.etree import ElementTree

import pytest

from agents.settings import load
from overwatch_tui.actions import ACTIONS, key_name
from overwatch_tui.drill import SCENARIOS

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[str]:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [line[line.index("overwatch-tui") :] for line in lines if "overwatch-tui" in line]


@pytest.mark.parametrize("line", commands())
def test_every_command_of_the_readme_exists_with_its_options(cli, line):
    _, *words = shlex.split(line, comments=True)
    names = words[: 2 if words[0] in {"audit", "chaos", "incidents", "policy"} else 1]
    help_ = cli(*names, "--help")
    assert help_.status == 0
    for option in (word for word in words if word.startswith("--")):
        assert option in help_.out


def test_the_drills_of_the_readme_are_the_drills_that_there_are():
    (listed,) = re.findall(r"The drills are (.*?)\.", README)
    assert set(re.findall(r"`(\w+)`", listed)) == set(SCENARIOS)


def test_every_key_is_in_the_readme():
    table = "".join(line.split("|")[1] for line in README.splitlines() if line.startswith("| `"))
    known = set(re.findall(r"`(\S+?)`", table)) | {"down", "up", "home", "end", "esc"}
    keys = {key_name(key.strip()) for action in ACTIONS for key in action.keys.split(",")}
    assert keys - known == set()


def test_the_configuration_of_the_readme_is_taken_alone_and_with_the_platform(tmp_path):
    watched, platform, tools = blocks("toml")
    path = tmp_path / "overwatch.toml"
    path.write_text(watched)
    shop = load(path, environ={}).targets["shop"]
    assert shop.actions() == set()
    assert shop.regions["west"].metrics_path is None
    path.write_text(f"{watched}\n{platform}")
    assert load(path, environ={}).targets["shop"].actions() == {"restart_service", "failover_region"}
    path.write_text(f"{watched}\n{platform}\n{tools}")
    assert str(load(path, environ={}).tools.url) == "http://127.0.0.1:8700/mcp"


def test_what_env_example_offers_is_taken(tmp_path):
    offered = re.sub(r"^#(?=OVERWATCH_)", "", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)
    (tmp_path / ".env").write_text(offered.replace("KEY=", "KEY=k").replace("TOKEN=", "TOKEN=t"))
    (tmp_path / "overwatch.toml").write_text(blocks("toml")[0])
    settings = load(environ={})
    assert settings.model.api_key is not None
    assert settings.targets["shop"].chaos is not None


def test_the_picture_is_the_control_room_with_a_request_waiting():
    named = set(re.findall(r"!\[[^]]*\]\((.*?)\)", README))
    assert named == {"docs/control-room.svg"}
    words = "".join(ElementTree.fromstring((ROOT / "docs/control-room.svg").read_text()).itertext()).replace("\xa0", " ")
    for word in ("OVERWATCH", "Approvals (1)", "switch_traffic east 100→0, west 0→100", "FAIL"):
        assert word in words


def test_every_file_that_the_readme_names_is_there():
    named = re.findall(r"`((?:docs|tests|agents)/[\w./-]+|[A-Z]+\.md|\.env\.example)`", README)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
