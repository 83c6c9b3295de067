"""The real Azure CLI against the local cloud: it logs in, and the command lines that we print have their effect.

Opt in with OVERWATCH_AZ=1; the first run installs the CLI into a cache of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from az_support import Az, cached_az
from cloud_support import Cloud, eventually, open_cloud

from overwatch_mcp.az_commands import AzCommands
from overwatch_mcp.config import AzureTarget

pytestmark = [
    pytest.mark.processes,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        os.environ.get("OVERWATCH_AZ") != "1",
        reason="the real Azure CLI is slow and has to be downloaded: set OVERWATCH_AZ=1",
    ),
]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory) -> Iterator[Cloud]:
    opened = open_cloud(tmp_path_factory.mktemp("cloud"), "--replicas", "1", "--rps", "0", "--lease-seconds", "900")
    try:
        yield opened.wait_ready()
    finally:
        opened.end()


@pytest.fixture(scope="module")
def new_az(cloud, tmp_path_factory):
    """Makes users of the CLI who know the cloud, but are not logged in."""
    program = cached_az()
    return lambda: Az(program, tmp_path_factory.mktemp("az"), cloud.facts).know_cloud()


@pytest.fixture(scope="module")
def az(new_az, cloud) -> Az:
    """A user who is logged in as the service principal."""
    user = new_az()
    assert user.log_in(cloud.facts["client_secret"]).returncode == 0
    return user


@pytest.fixture(scope="module")
def commands(cloud) -> AzCommands:
    """Our command lines for the cloud."""
    facts, door = cloud.facts, cloud.facts["front_door"]
    config = {
        "subscription_id": facts["subscription_id"],
        "resource_group": facts["resource_group"],
        "regions": {name: {"container_app": region["container_app"]} for name, region in facts["regions"].items()},
        "traffic": {"profile": door["profile"], "origin_group": door["origin_group"], "origins": door["origins"]},
    }
    return AzCommands(AzureTarget.model_validate(config))


def scope(cloud: Cloud) -> tuple[str, ...]:
    return ("-g", cloud.facts["resource_group"], "--subscription", cloud.facts["subscription_id"])


def counted(cloud: Cloud, region: str, name: str) -> int:
    return cloud.region(region)[name]


def test_it_logs_in_with_the_secret_and_sees_the_subscription(az, cloud):
    (account,) = az.json("account", "list")
    assert (account["id"], account["tenantId"]) == (cloud.facts["subscription_id"], cloud.facts["tenant_id"])
    assert (account["user"]["type"], account["user"]["name"]) == ("servicePrincipal", cloud.facts["client_id"])


def test_a_wrong_secret_is_refused_in_entras_words(new_az):
    refused = new_az().log_in("wrong")
    assert refused.returncode == 1
    assert "AADSTS7000215" in refused.stderr


def test_it_logs_in_with_the_managed_identity_and_reads(new_az, cloud):
    user, facts = new_az(), cloud.facts
    identity = {"IDENTITY_ENDPOINT": facts["msi_endpoint"], "IDENTITY_HEADER": facts["msi_header"]}
    user.json("login", "--identity", **identity)
    apps = user.json("containerapp", "list", *scope(cloud), **identity)
    assert sorted(app["name"] for app in apps) == ["demo-east", "demo-west"]
    assert user("login", "--identity", **(identity | {"IDENTITY_HEADER": "wrong"})).returncode != 0


def test_our_line_for_a_deployment_makes_the_revision(az, cloud, commands):
    before = counted(cloud, "east", "revisions_created_total")
    app = az.line(commands.deploy("east", "mini-app:2", "ow-image"))
    assert app["properties"]["latestReadyRevisionName"] == "demo-east--ow-image"
    assert counted(cloud, "east", "revisions_created_total") == before + 1
    assert cloud.http.get(f"{cloud.ingress('east')}/status").json()["version"] == "2"


def test_our_line_for_a_scale_starts_the_replicas(az, cloud, commands):
    app = az.line(commands.scale("west", 2, 4, "ow-scale"))
    assert app["properties"]["template"]["scale"] == {"minReplicas": 2, "maxReplicas": 4}
    assert len(cloud.pids("west")) == 2
    assert cloud.region("west")["revision"] == "demo-west--ow-scale"


def test_our_line_for_a_restart_gives_new_processes(az, cloud, commands):
    before, restarts = cloud.pids("west"), counted(cloud, "west", "restarts_total")
    az.line(commands.restart("west", cloud.region("west")["revision"]))
    cloud.settled("west")
    assert counted(cloud, "west", "restarts_total") == restarts + 1
    assert not set(before) & set(cloud.pids("west"))


def test_a_copy_of_an_old_revision_brings_its_template_back(az, cloud):
    old = cloud.region("west")["revision"]
    cloud.patch("west", {"containers": [{"image": "mini-app:2"}], "revisionSuffix": "newer"})
    cloud.settled("west")
    created = counted(cloud, "west", "revisions_created_total")
    copied = ("--from-revision", old, "--revision-suffix", "ow-back")
    app = az.json("containerapp", "revision", "copy", "-n", "demo-west", *copied, *scope(cloud))
    assert app["properties"]["latestReadyRevisionName"] == "demo-west--ow-back"
    assert app["properties"]["template"]["containers"][0]["image"] == "mini-app:1"
    assert counted(cloud, "west", "revisions_created_total") == created + 1
    traffic = az.json("containerapp", "ingress", "traffic", "show", "-n", "demo-west", *scope(cloud))
    assert traffic == [{"latestRevision": False, "revisionName": "demo-west--ow-back", "weight": 100}]


def test_a_traffic_manager_endpoint_is_updated_and_moves_the_users(az, cloud):
    before = cloud.control("GET", "state").json()["endpoint_changes_total"]
    where = ("--profile-name", "demo-tm", "--type", "externalEndpoints", "-n", "west")
    update = ("network", "traffic-manager", "endpoint", "update", *where, *scope(cloud))
    shown = az.json(*update, "--endpoint-status", "Enabled", "--weight", "500")
    assert (shown["endpointStatus"], shown["weight"]) == ("Enabled", 500)
    state = cloud.control("GET", "state").json()
    assert state["endpoint_changes_total"] == before + 1
    assert state["origins"]["west"] == {"enabled": True, "weight": 500, "priority": 1}
    az.json(*update, "--endpoint-status", "Disabled")
    assert not cloud.control("GET", "state").json()["origins"]["west"]["enabled"]


def test_an_origin_is_patched_by_a_raw_request_of_the_core_program(az, cloud):
    url = f"{cloud.origin_path('west')}?api-version=2024-02-01"
    for state, enabled in (("Enabled", True), ("Disabled", False)):
        az.json("rest", "--method", "patch", "--url", url, "--body", f'{{"properties": {{"enabledState": "{state}"}}}}')
        assert cloud.control("GET", "state").json()["origins"]["west"]["enabled"] is enabled


def test_our_lines_for_a_switch_move_the_users(az, cloud, commands):
    lines = commands.switch({"east": 0, "west": 100}).split(" && ")
    for line in lines:
        az.line(line)
    origins = cloud.control("GET", "state").json()["origins"]
    assert {name: origin["enabled"] for name, origin in origins.items()} == {"east": False, "west": True}


def test_an_app_is_stopped_and_started_by_raw_requests_of_the_core_program(az, cloud):
    for verb, served in (("stop", 503), ("start", 200)):
        az("rest", "--method", "post", "--url", f"{cloud.app_path('east')}/{verb}?api-version=2025-07-01")
        eventually(lambda served=served: cloud.http.get(f"{cloud.ingress('east')}/api/users").status_code == served, 30)


def test_metrics_are_listed(az, cloud):
    cloud.http.get(f"{cloud.ingress('east')}/api/users")
    metrics = az.json("monitor", "metrics", "list", "--resource", cloud.app_path("east"), "--metric", "Requests", "Replicas")
    points = {one["name"]["value"]: one["timeseries"][0]["data"] for one in metrics["value"]}
    assert sum(point.get("total") or 0 for point in points["Requests"]) >= 1
