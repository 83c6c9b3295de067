"""Changes of a container app: operations that can be followed, and revisions that are what was asked for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from arm_support import APP, IDS, ArmClient, Process, properties, template

from mini_app.local_azure import region as region_module
from mini_app.local_azure.replicas import Replica

FULL = {
    "name": "web",
    "image": "mini-app:2",
    "env": [{"name": "MODE", "value": "fast"}, {"name": "KEY", "secretRef": "key"}],
    "resources": {"cpu": 0.5, "memory": "1Gi", "ephemeralStorage": "2Gi"},
    "probes": [{"type": "Liveness"}],
}
SHOWN = {**FULL, "resources": {"cpu": 0.5, "memory": "1Gi"}}
del SHOWN["probes"]


@dataclass
class Starts:
    """How replicas start: `gate` holds them up, and those of a revision in `broken` never get ready."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    broken: set[str] = field(default_factory=set)
    started: int = 0


@pytest.fixture
def processes(monkeypatch, region) -> Starts:
    """Replicas without processes."""
    fake = Starts()

    async def start(plan, name: str, revision: str, version: str) -> Replica:
        fake.started += 1
        await fake.gate.wait()
        return Replica(name, revision, 1, Process(), region.replicas[0].created_at)

    async def wait_ready(replica: Replica, session) -> bool:
        replica.ready = replica.revision not in fake.broken
        return replica.ready

    async def end(replica: Replica) -> None:
        replica.process.returncode = 0

    for name, instead in (("start", start), ("wait_ready", wait_ready), ("end", end)):
        monkeypatch.setattr(region_module.processes, name, instead)
    fake.gate.set()
    region._session = object()
    return fake


async def settled(ask: ArmClient) -> dict:
    """The app, once nothing changes it."""
    while (app := (await ask.send("GET", APP)).body["properties"])["provisioningState"] == "InProgress":
        await asyncio.sleep(0)
    return app


async def test_an_operation_is_followed_from_its_begin_to_its_end(ask, processes):
    processes.gate.clear()
    answer = await ask.send("PATCH", f"{APP}?api-version=2025-07-01", template(revisionSuffix="two", containers=[FULL]))
    assert (answer.status, answer.body["properties"]["provisioningState"]) == (202, "InProgress")
    assert answer.headers["Retry-After"] == "1"
    status, result = answer.path("Azure-AsyncOperation"), answer.path("Location")
    assert status.endswith("?api-version=2025-07-01")
    assert (await ask.send("GET", status)).body["status"] == "InProgress"
    waiting = await ask.send("GET", result)
    assert (waiting.status, waiting.text) == (202, "")
    assert waiting.headers["Location"].endswith(result)
    processes.gate.set()
    await settled(ask)
    for _ in range(2):
        done = await ask.send("GET", status)
        assert (done.body["status"], "error" in done.body) == ("Succeeded", False)
        assert (await ask.send("GET", result)).body == (await ask.send("GET", APP)).body
    assert (await ask.send("GET", status.replace("/sub/", "/other/"))).status == 404


async def test_a_version_that_would_break_a_header_is_not_repeated(ask):
    answer = await ask.send("PATCH", f"{APP}?api-version=1%0d%0aX-Evil:%201", b"{}")
    assert answer.status == 202
    assert answer.headers["Location"].endswith("?api-version=")
    assert "X-Evil" not in answer.headers


async def test_an_operation_that_fails_says_why_and_the_old_revision_serves(ask, processes, region):
    answer = await ask.send("PATCH", APP, template(containers=[{"image": "mini-app:404"}], revisionSuffix="gone"))
    assert (await settled(ask))["latestReadyRevisionName"] == "demo-east--r1"
    failed = (await ask.send("GET", answer.path("Azure-AsyncOperation"))).body
    assert (failed["status"], failed["error"]["code"]) == ("Failed", "ContainerAppOperationError")
    assert "mini-app:404" in failed["error"]["message"]
    assert (await ask.send("GET", answer.path("Location"))).code == "ContainerAppOperationError"
    assert region.revision.name == "demo-east--r1"
    assert processes.started == 0


async def test_replicas_that_do_not_get_ready_fail_the_revision_and_are_ended(ask, processes, region):
    processes.broken.add("demo-east--bad")
    answer = await ask.send("PATCH", APP, template(revisionSuffix="bad"))
    await settled(ask)
    assert (await ask.send("GET", answer.path("Azure-AsyncOperation"))).body["status"] == "Failed"
    assert [r.revision for r in region.replicas] == ["demo-east--r1"] * 2
    assert region.revisions["bad"].error


async def test_the_whole_container_is_kept_and_shown(ask, processes):
    await ask.send("PATCH", APP, template(revisionSuffix="two", containers=[FULL], scale={"minReplicas": 1, "maxReplicas": 7}))
    app = await settled(ask)
    revision = (await ask.send("GET", f"{APP}/revisions/demo-east--two")).body["properties"]
    expected = {"revisionSuffix": "two", "containers": [SHOWN], "scale": {"minReplicas": 1, "maxReplicas": 7}}
    assert app["template"] == revision["template"] == expected
    assert (revision["trafficWeight"], revision["replicas"], revision["active"]) == (100, 1, True)
    assert revision["createdTime"]


async def test_a_copy_of_an_old_revision_is_a_new_one_with_its_template(ask, processes, region):
    await ask.send("PATCH", APP, template(revisionSuffix="two", containers=[FULL], scale={"minReplicas": 3}))
    await settled(ask)
    old = (await ask.send("GET", f"{APP}/revisions/demo-east--r1")).body["properties"]["template"]
    await ask.send("PATCH", APP, template(**{**old, "revisionSuffix": None}))
    app = await settled(ask)
    assert app["template"] == {**old, "revisionSuffix": "r2"}
    assert len(region.replicas) == 2


async def test_the_same_change_again_does_nothing_and_succeeds(ask, processes, region):
    change = template(revisionSuffix="two", containers=[FULL], scale={"minReplicas": 1})
    await ask.send("PATCH", APP, change)
    await settled(ask)
    started = processes.started
    again = await ask.send("PATCH", APP, change)
    await settled(ask)
    assert (await ask.send("GET", again.path("Azure-AsyncOperation"))).body["status"] == "Succeeded"
    assert (processes.started, region.counters.revisions_created_total, region.counters.scales_total) == (started, 1, 0)


@pytest.mark.parametrize("changed", [{"containers": [{"image": "mini-app:2"}]}, {"scale": {"minReplicas": 4}}])
async def test_a_known_suffix_with_another_template_is_accepted_and_fails(ask, processes, region, changed):
    answer = await ask.send("PATCH", APP, template(revisionSuffix="r1", **changed))
    assert answer.status == 202
    await settled(ask)
    failed = (await ask.send("GET", answer.path("Azure-AsyncOperation"))).body
    assert (failed["status"], failed["error"]["code"]) == ("Failed", "ContainerAppOperationError")
    assert "revision with suffix r1 already exists" in failed["error"]["message"]
    assert (processes.started, len(region.revisions), region.revision.replicas) == (0, 1, 2)


async def test_an_old_revision_is_activated_and_takes_over(ask, processes, region):
    await ask.send("PATCH", APP, template(revisionSuffix="two"))
    await settled(ask)
    assert (await ask.send("POST", f"{APP}/revisions/demo-east--r1/activate")).body == "Activated"
    await settled(ask)
    assert (await settled(ask))["latestReadyRevisionName"] == "demo-east--r1"
    states = {r["name"]: r["properties"]["active"] for r in (await ask.send("GET", f"{APP}/revisions")).body["value"]}
    assert states == {"demo-east--r1": True, "demo-east--two": False}
    assert {r.revision for r in region.replicas} == {"demo-east--r1"}
    started = processes.started
    assert (await ask.send("POST", f"{APP}/revisions/demo-east--r1/activate")).status == 200
    assert (processes.started, region.counters.activations_total) == (started, 1)


async def test_a_revision_that_never_got_well_does_not_take_over(ask, processes, region):
    change = template(containers=[{"image": "mini-app:404"}], revisionSuffix="gone")
    await ask.send("PATCH", APP, change)
    await settled(ask)
    assert (await ask.send("POST", f"{APP}/revisions/demo-east--gone/activate")).status == 200
    await settled(ask)
    assert (region.revision.name, len(region.replicas), processes.started) == ("demo-east--r1", 2, 0)
    again = await ask.send("PATCH", APP, change)
    await settled(ask)
    assert (await ask.send("GET", again.path("Azure-AsyncOperation"))).body["status"] == "Failed"
    assert region.counters.revisions_created_total == 1


def configured(**content) -> bytes:
    return properties(configuration=content)


@pytest.mark.parametrize(
    "body",
    [
        configured(activeRevisionsMode="Multiple"),
        configured(ingress={"traffic": [{"revisionName": "demo-east--two", "weight": 100}]}),
        configured(ingress={"traffic": [{"revisionName": "demo-east--r1", "weight": 60}]}),
        configured(ingress={"traffic": [{"revisionName": "demo-east--r1", "weight": "100"}]}),
        configured(ingress={"traffic": []}),
    ],
)
async def test_what_needs_several_active_revisions_is_refused_and_not_ignored(ask, region, body):
    assert (await ask.send("PATCH", APP, body)).status == 400
    assert region.changing is None


@pytest.mark.parametrize("share", [{"revisionName": "demo-east--r1"}, {"latestRevision": True}])
async def test_a_patch_that_leaves_all_as_it_is_is_accepted_and_counts_as_no_change(ask, region, share):
    body = configured(activeRevisionsMode="single", ingress={"traffic": [{**share, "weight": 100}]})
    answer = await ask.send("PATCH", APP, body)
    assert answer.status == 202
    await settled(ask)
    assert (await ask.send("GET", answer.path("Azure-AsyncOperation"))).body["status"] == "Succeeded"
    assert (region.counters.scales_total, region.counters.revisions_created_total) == (0, 0)


async def test_the_revision_that_serves_is_not_deactivated_and_any_other_is(ask, processes):
    await ask.send("PATCH", APP, template(revisionSuffix="two"))
    await settled(ask)
    serving = await ask.send("POST", f"{APP}/revisions/demo-east--two/deactivate")
    assert (serving.status, serving.code) == (400, "RevisionDeactivationNotAllowed")
    assert (await ask.send("POST", f"{APP}/revisions/demo-east--r1/deactivate")).body == "Deactivated"


async def test_paths_and_names_mean_the_same_in_any_case(ask):
    shown = (await ask.send("GET", APP)).body
    assert (await ask.send("GET", APP.upper())).body == shown
    assert (await ask.send("GET", APP.lower() + "/")).body == shown
    assert (await ask.send("GET", f"{APP}/REVISIONS/Demo-East--R1")).status == 200
    assert (await ask.send("GET", f"/subscriptions/{IDS.subscription}/providers/microsoft.app/containerapps")).body["value"] == [
        shown
    ]


async def test_what_a_client_asks_before_anything_else_is_answered(ask):
    subscription = (await ask.send("GET", "/subscriptions?api-version=2022-12-01")).body["value"][0]
    assert (subscription["subscriptionId"], subscription["tenantId"]) == ("sub", "tenant")
    assert (await ask.send("GET", "/subscriptions/sub")).body == subscription
    assert (await ask.send("GET", "/tenants")).body["value"][0]["tenantId"] == "tenant"
    assert (await ask.send("GET", "/subscriptions/sub/providers/microsoft.app")).body["registrationState"] == "Registered"
    assert len((await ask.send("GET", "/subscriptions/sub/providers")).body["value"]) >= 3
    assert (await ask.send("GET", "/subscriptions/sub/providers/Microsoft.Nothing")).status == 404
    assert (await ask.send("GET", "/subscriptions/other")).code == "SubscriptionNotFound"
    (group,) = (await ask.send("GET", "/subscriptions/sub/resourcegroups")).body["value"]
    assert (await ask.send("GET", IDS.group)).body == group
    assert (await ask.send("GET", "/subscriptions/sub/resourcegroups/other")).code == "ResourceGroupNotFound"
