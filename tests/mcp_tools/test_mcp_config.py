"""The configuration file: what is wrong with it is said before anything starts."""

from __future__ import annotations

import json

import pytest

from overwatch_mcp.config import CONFIG_VARIABLE, load_config
from overwatch_mcp.errors import ConfigError


@pytest.fixture
def written(config, tmp_path):
    def write(change=lambda _: None):
        change(config)
        path = tmp_path / "mcp.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        return path

    return write


def demo(config):
    return config["targets"]["demo"]


def test_the_configuration_of_the_contract_is_read(written):
    loaded = load_config(written())
    assert loaded.target("demo").regions["east"].container_app == "demo-east"
    assert loaded.target("demo").switch_probes == 3


def test_the_file_may_be_named_by_the_environment(written, monkeypatch):
    monkeypatch.setenv(CONFIG_VARIABLE, str(written()))
    assert "demo" in load_config(None).targets


def test_no_file_is_an_error_that_says_how_to_name_one(monkeypatch):
    monkeypatch.delenv(CONFIG_VARIABLE, raising=False)
    with pytest.raises(ConfigError, match=f"--config FILE or set {CONFIG_VARIABLE}"):
        load_config(None)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="can't read"):
        load_config(tmp_path / "none.json")


def test_a_file_that_is_no_json_is_an_error(tmp_path):
    path = tmp_path / "mcp.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match="no JSON"):
        load_config(path)


WRONG = [
    (lambda c: c.update(jurnal="x"), "'jurnal' is not a known key"),
    (lambda c: c.update(journal="operations.db"), "absolute path"),
    (lambda c: c.update(keep_days=1_000_000), "keep_days"),
    (lambda c: demo(c).update(colour="red"), r"'targets\.demo\.colour' is not a known key"),
    (lambda c: demo(c).update(platform="kubernetes"), "platform.*azure, docker"),
    (lambda c: demo(c).update(arm_url="http://127.0.0.1:1"), "arm_url"),
    (lambda c: demo(c).update(arm_url="https://127.0.0.1:1/path"), "arm_url"),
    (lambda c: demo(c).update(regions={}), "regions"),
    (lambda c: demo(c)["regions"].update({"a/b": {"container_app": "x"}}), "regions"),
    (lambda c: demo(c)["regions"]["east"].update(container_app="../x"), "container_app"),
    (lambda c: demo(c)["traffic"].update(origins={"east": "east"}), "name each region once"),
    (lambda c: demo(c)["traffic"].update(kind="dns"), "kind"),
    (lambda c: demo(c).update(limits={"min_replicas": 0}), "min_replicas"),
    (lambda c: demo(c).update(limits={"min_replicas": 4, "max_replicas": 3}), "above max_replicas"),
    (lambda c: demo(c).update(allowed_tools=["reboot"]), "allowed_tools"),
    (lambda c: demo(c).update(credential="password"), "credential"),
    (lambda c: demo(c).update(switch_probes=0), "switch_probes"),
    (lambda c: demo(c).update(images=[""]), "images"),
    (lambda c: demo(c).update(probe_path="api"), "probe_path.*not 'api'$"),
    (lambda c: demo(c).pop("resource_group"), r": 'targets\.demo\.resource_group' is missing: set it$"),
    (
        lambda c: demo(c).update(limits={"min_replicas": 4, "max_replicas": 3}),
        "'targets.demo.limits': min_replicas 4 .* raise them$",
    ),
]


@pytest.mark.parametrize(("change", "words"), WRONG)
def test_a_wrong_key_or_value_is_named(written, change, words):
    with pytest.raises(ConfigError, match=words):
        load_config(written(change))
