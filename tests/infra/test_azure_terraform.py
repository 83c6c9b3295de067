"""What Terraform can't check of infra/azure: that its configuration file loads, and that its words and guards are all there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agents.settings import load
from overwatch_mcp.config import load_config
from overwatch_tui.mcp_config import server_command

HERE = Path(__file__).resolve().parents[2] / "infra" / "azure"
TEMPLATE = HERE / "templates" / "overwatch.toml.tftpl"
README = (HERE / "README.md").read_text()
IDENTITY = (HERE / "identity.tf").read_text()
MODEL = '[model]\nbase_url = "https://thinker.openai.azure.com/openai/v1/"\nmodel = "gpt-5-mini"\nauth = "entra"'


def lines_that_terraform_is_tested_to_render() -> list[str]:
    """The strings of the Terraform test that asserts them, so that what loads here is what is rendered there."""
    literals = re.findall(r'"((?:[^"\\\n]|\\.)*)"', (HERE / "tests" / "swarm.tftest.hcl").read_text())
    return [line for literal in literals for line in json.loads(f'"{literal}"').splitlines() if line]


def rendered(kind: str, *, actions: str = "", model: str = "") -> str:
    known = lines_that_terraform_is_tested_to_render()
    out = []
    for line in TEMPLATE.read_text().splitlines():
        if line in ("${actions}", "${model}"):
            out.append(actions if line == "${actions}" else model)
        elif "${" not in line:
            out.append(line)
        elif not line.startswith("#"):
            shape = ".+".join(re.escape(part) for part in re.split(r"\$\{\w+\}", line))
            found = {one for one in known if re.fullmatch(shape, one)}
            if line.startswith("traffic"):
                found = {one for one in found if f'"{kind}"' in one}
            if line.startswith("[targets"):
                found = {one for one in found if one.count(".") == line.count(".")}
            assert len(found) == 1, f"no Terraform test, or more than one, tells how {line!r} is rendered: {found}"
            out += found
    return "\n".join(out)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def loaded(tmp_path, text):
    path = tmp_path / "overwatch.toml"
    path.write_text(text)
    return load(path, environ={})


def test_the_configuration_that_terraform_writes_loads_and_can_do_everything(tmp_path):
    target = loaded(tmp_path, rendered("front_door")).targets["mini-app"]
    assert set(target.regions) == {"east", "west"}
    assert {"restart_service", "scale_service", "deploy_container", "rollback_revision", "switch_traffic"} <= target.actions()
    assert target.platform is not None
    assert "overwatch0.azurecr.io/mini-app:2".startswith(target.platform.images)
    assert not "overwatch0.azurecr.io/mini-app-of-another:2".startswith(target.platform.images)


@pytest.mark.parametrize("kind", ["front_door", "traffic_manager"])
def test_the_tools_server_takes_the_configuration_that_follows_from_it(tmp_path, kind):
    targets = loaded(tmp_path, rendered(kind)).targets
    assert "switch_traffic" in targets["mini-app"].actions()
    assert server_command(tmp_path, targets, {}) is not None
    target = load_config(tmp_path / "mcp.json").target("mini-app")
    assert set(target.regions) == {"east", "west"}
    assert target.traffic is not None
    assert target.traffic.kind == kind
    assert target.public_url == "https://overwatch-0.z01.azurefd.net"


def test_a_swarm_that_may_not_act_proposes_nothing(tmp_path):
    assert loaded(tmp_path, rendered("front_door", actions="allowed_actions = []")).targets["mini-app"].actions() == frozenset()


def test_a_model_is_reached_without_a_key(tmp_path):
    assert set(MODEL.splitlines()) <= set(lines_that_terraform_is_tested_to_render())
    settings = loaded(tmp_path, rendered("front_door", model=MODEL))
    assert settings.model.auth == "entra"
    assert settings.model.api_key is None


def test_each_action_of_a_role_is_explained_and_none_is_explained_that_is_not_given():
    given = set(re.findall(r'"(Microsoft\.[\w./]+)"', IDENTITY))
    explained = set(re.findall(r"^\| `(Microsoft\.[\w./]+)` \|.*\| \S.+ \|$", README, re.MULTILINE))
    assert len(given) > 20
    assert explained == given


@pytest.mark.parametrize(
    ("file", "resource", "ignored"),
    [
        (
            "demo.tf",
            '"azurerm_container_app" "demo"',
            {
                "template[0].container[0].image",
                "template[0].revision_suffix",
                "template[0].min_replicas",
                "template[0].max_replicas",
                "ingress[0].traffic_weight",
            },
        ),
        ("traffic_front_door.tf", '"azurerm_cdn_frontdoor_origin" "region"', {"enabled", "priority", "weight"}),
        ("traffic_manager.tf", '"azurerm_traffic_manager_external_endpoint" "region"', {"enabled", "weight"}),
        ("monitoring.tf", '"azurerm_consumption_budget_resource_group" "main"', {"time_period"}),
    ],
)
def test_an_apply_never_undoes_what_overwatch_did(file, resource, ignored):
    block = re.search(rf"^resource {resource} {{\n.*?^}}", (HERE / file).read_text(), re.MULTILINE | re.DOTALL)
    assert block is not None
    found = re.search(r"ignore_changes = \[(.*?)\]\n", block[0], re.DOTALL)
    assert found is not None
    assert {one.strip() for one in found[1].split(",") if one.strip()} == ignored


def test_each_variable_says_what_it_is_for_and_refuses_what_it_can_not_be():
    text = (HERE / "variables.tf").read_text()
    blocks = re.findall(r'^variable "(\w+)" {\n(.*?)^}', text, re.MULTILINE | re.DOTALL)
    refused = (HERE / "tests" / "validation.tftest.hcl").read_text()
    assert len(blocks) > 15
    for name, body in blocks:
        assert re.search(r'^  description = "\S', body, re.MULTILINE), name
        assert re.search(r"^  type +=", body, re.MULTILINE), name
        if "= bool\n" not in body:
            assert "validation {" in body, name
            assert f"expect_failures = [var.{name}]" in refused, name


def test_the_commands_of_the_readme_ask_for_outputs_that_there_are():
    outputs = set(re.findall(r'^output "(\w+)"', (HERE / "outputs.tf").read_text(), re.MULTILINE))
    asked = set(re.findall(r"terraform output -raw (\w+)", README))
    assert asked
    assert asked <= outputs


def test_the_heartbeat_gets_each_of_its_variables():
    wanted = set(re.findall(r'^variable "(\w+)"', (HERE / "heartbeat" / "variables.tf").read_text(), re.MULTILINE))
    output = re.search(r'output "heartbeat_tfvars" {.*?<<-EOT\n(.*?)\n  EOT', (HERE / "outputs.tf").read_text(), re.DOTALL)
    assert output is not None
    assert set(re.findall(r"^ *(\w+) +=", output[1], re.MULTILINE)) == wanted


@pytest.mark.processes
@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_the_files_are_formatted():
    done = subprocess.run(
        ["terraform", "fmt", "-check", "-recursive", "-diff"], cwd=HERE, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout
