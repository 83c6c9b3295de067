"""The ARM calls: documents as Azure's, and nonsense that is refused before anything changes. No process is started here."""

from __future__ import annotations

import asyncio
import io
from dataclasses import asdict

import pytest
from arm_support import APP, IDS, ORIGINS, properties, scale, template

from mini_app.local_azure import documents
from mini_app.local_azure.patches import AppPatch
from mini_app.local_azure.region import Region
from mini_app.local_azure.revisions import Revision, Wanted, wanted

NOT_DOCUMENTS = [b"", b"null", b"[]", b'"x"', b"{", b"\xff\xfe", b"[" * 50_000, b'{"properties":[]}', b'{"properties":"x"}']
BAD_APPS = [
    *NOT_DOCUMENTS,
    b'{"properties":{"template":[1]}}',
    scale(minReplicas=0),
    scale(minReplicas=-1),
    scale(minReplicas=21),
    scale(minReplicas=10**9, maxReplicas=10**9),
    scale(minReplicas="x"),
    scale(minReplicas="3"),
    scale(minReplicas=1.5),
    scale(minReplicas=True),
    scale(minReplicas=float("nan")),
    scale(minReplicas=float("inf")),
    scale(minReplicas=6),
    scale(minReplicas=3, maxReplicas=2),
    scale(maxReplicas=1),
    scale(maxReplicas="x"),
    template(scale="x"),
    template(containers="x"),
    template(containers=[1]),
    template(containers={"image": "mini-app:2"}),
    template(containers=[{"image": "mini-app:2"}] * 2),
    template(containers=[{"image": 7}]),
    template(containers=[{"image": ""}]),
    template(containers=[{"image": "a\x00b"}]),
    template(containers=[{"image": "x" * 300}]),
    template(revisionSuffix="../../evil", containers=[{"image": "mini-app:2"}]),
    template(revisionSuffix="a/b"),
    template(revisionSuffix="-a"),
    template(revisionSuffix=7),
    template(revisionSuffix="x" * 41),
]


@pytest.mark.parametrize("body", BAD_APPS, ids=lambda body: body[:80].decode("latin-1"))
async def test_nonsense_for_an_app_is_refused_and_nothing_is_done(ask, region, body):
    before = (dict(region.revisions), asdict(region.counters), asdict(region.revision))
    status, answer = await ask("PATCH", APP, body)
    assert status == 400
    assert answer["error"]["message"]
    assert region.changing is None
    assert before == (dict(region.revisions), asdict(region.counters), asdict(region.revision))


BAD_ORIGINS = [
    *NOT_DOCUMENTS,
    *(properties(weight=bad) for bad in (0, -1, 1001, "x", "500", True, 1.5, float("nan"), [1])),
    *(properties(priority=bad) for bad in (0, 6, -1, "x", True)),
    *(properties(enabledState=bad) for bad in ("enabled", "", True, ["Enabled"], {})),
]


@pytest.mark.parametrize("body", BAD_ORIGINS, ids=lambda body: body[:80].decode("latin-1"))
async def test_nonsense_for_an_origin_is_refused_and_nothing_is_done(ask, door, body):
    before = [asdict(o) for o in door.origins.values()]
    status, answer = await ask("PATCH", f"{ORIGINS}/west", body)
    assert status == 400
    assert answer["error"]["message"]
    assert before == [asdict(o) for o in door.origins.values()]


async def test_a_huge_body_is_refused(ask):
    status, answer = await ask("PATCH", APP, io.BytesIO(b"x" * (2 << 20)))
    assert (status, answer["error"]["code"]) == (413, "RequestEntityTooLarge")


async def test_an_origin_takes_state_weight_and_priority(ask, door):
    status, answer = await ask(
        "PATCH", f"{ORIGINS}/west", properties(enabledState="Enabled", weight=300, priority=2, hostName="kept")
    )
    assert status == 200
    shown = answer["properties"]
    assert (shown["enabledState"], shown["weight"], shown["priority"]) == ("Enabled", 300, 2)
    assert (await ask("GET", f"{ORIGINS}/west"))[1] == answer
    assert (await ask("PATCH", f"{ORIGINS}/west", b"{}"))[1] == answer
    assert door.changes_total == 1


UNKNOWN = [
    ("GET", APP.replace("demo-east", "nope")),
    ("GET", APP.replace("/sub/", "/other/")),
    ("GET", APP.replace("/group/", "/other/")),
    ("GET", f"{APP}/nothing"),
    ("POST", f"{APP}/explode"),
    ("GET", f"{APP}/revisions/none"),
    ("GET", f"{APP}/revisions/..%2f.."),
    ("POST", f"{APP}/revisions/none/restart"),
    ("GET", f"{APP}/revisions/none/replicas"),
    ("GET", f"{APP}/revisions/demo-east--r1/replicas/none"),
    ("PATCH", f"{ORIGINS}/north"),
    ("GET", ORIGINS.replace("/profile/", "/other/")),
    ("GET", "/subscriptions/sub/providers/Microsoft.App/locations/eastus/containerappOperationStatuses/op9"),
]


@pytest.mark.parametrize(("method", "path"), UNKNOWN)
async def test_what_is_not_there_is_404_in_arms_words(ask, method, path):
    status, answer = await ask(method, path, properties(weight=1))
    assert status == 404
    assert answer["error"]["code"]


async def test_a_method_that_is_not_served_is_405(ask):
    status, answer = await ask("DELETE", APP)
    assert (status, answer["error"]["code"]) == (405, "MethodNotAllowed")


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", "Bearer ü"])
async def test_without_a_token_nothing_is_told_and_nothing_is_done(ask, region, door, authorization):
    calls = [("GET", APP), ("PATCH", APP), ("POST", f"{APP}/stop"), ("PATCH", f"{ORIGINS}/west"), ("GET", "/nowhere")]
    for method, path in calls:
        status, answer = await ask(method, path, properties(enabledState="Enabled"), authorization)
        assert (status, answer["error"]["code"]) == (401, "AuthenticationFailed")
    assert region.running
    assert door.changes_total == 0


async def test_a_second_change_meanwhile_is_409(ask, region):
    gate = asyncio.Event()

    async def work() -> None:
        await gate.wait()

    region.begin("update")
    task = region.background("update", work())
    calls = [
        ("PATCH", APP, scale(minReplicas=3)),
        ("POST", f"{APP}/stop", None),
        ("POST", f"{APP}/start", None),
        ("POST", f"{APP}/revisions/demo-east--r1/restart", None),
    ]
    for method, path, body in calls:
        status, answer = await ask(method, path, body)
        assert (status, answer["error"]["code"]) == (409, "ContainerAppOperationInProgress")
    assert (await ask("GET", APP))[1]["properties"]["provisioningState"] == "InProgress"
    gate.set()
    await task
    assert (await ask("GET", APP))[1]["properties"]["provisioningState"] == "Succeeded"


async def test_a_stopped_app_is_neither_restarted_nor_changed(ask, region):
    region.running = False
    for method, path in (("PATCH", APP), ("POST", f"{APP}/revisions/demo-east--r1/restart")):
        status, answer = await ask(method, path, scale(minReplicas=3))
        assert (status, answer["error"]["code"]) == (400, "ContainerAppNotRunning")
    assert region.changing is None


async def test_apps_revisions_replicas_and_origins_are_listed(ask):
    assert [one["name"] for one in (await ask("GET", APP.rpartition("/")[0]))[1]["value"]] == ["demo-east"]
    assert [one["name"] for one in (await ask("GET", f"{APP}/revisions"))[1]["value"]] == ["demo-east--r1"]
    replicas = f"{APP}/revisions/demo-east--r1/replicas"
    listed = (await ask("GET", replicas))[1]["value"]
    assert [one["name"] for one in listed] == ["demo-east--r1-1", "demo-east--r1-2"]
    assert (await ask("GET", f"{replicas}/demo-east--r1-2"))[1] == listed[1]
    assert [one["name"] for one in (await ask("GET", ORIGINS))[1]["value"]] == ["east", "west"]


def patch(**content) -> AppPatch:
    return AppPatch.model_validate_json(template(**content))


def merged(region: Region, **content) -> Wanted:
    return wanted(patch(**content), region.revision, region.revisions)


def test_a_patch_is_merged_with_what_is(region):
    same = merged(region)
    shown = (same.container.image, same.suffix, same.replicas, same.max_replicas, same.new_revision)
    assert shown == ("mini-app:1", "r1", 2, 5, False)
    scaled = merged(region, scale={"minReplicas": 7, "maxReplicas": 9})
    assert (scaled.replicas, scaled.max_replicas, scaled.new_revision) == (7, 9, False)


def test_a_new_image_or_suffix_makes_a_revision_with_a_free_name(region):
    region.revisions["r2"] = Revision("demo-east--r2", "r2", 2, active=False)
    image = merged(region, containers=[{"image": "mini-app:2"}])
    assert (image.suffix, image.new_revision) == ("r3", True)
    suffix = merged(region, revisionSuffix="ow-1")
    assert (suffix.suffix, suffix.container.image, suffix.new_revision) == ("ow-1", "mini-app:1", True)
    assert not merged(region, revisionSuffix="r1", containers=[{"image": "mini-app:1"}]).new_revision


def health(region: Region) -> tuple[str, str]:
    shown = documents.revision(IDS, region, region.revision)["properties"]
    return shown["healthState"], shown["runningState"]


def test_a_revision_is_as_healthy_as_its_processes(region):
    assert health(region) == ("Healthy", "Running")
    region.replicas[0].process.returncode = -9
    assert health(region) == ("Unhealthy", "Degraded")
    region.changing = "restart"
    assert health(region) == ("None", "Processing")
    region.changing, region.running = None, False
    assert health(region) == ("None", "Stopped")
    region.running, region.revision.error = True, "ImagePullBackOff"
    assert health(region) == ("Unhealthy", "Failed")


def test_a_dead_replica_says_how_it_ended(region):
    dead = region.replicas[0]
    dead.process.returncode = -9
    shown = documents.replica(IDS, region, region.revision, dead)["properties"]
    assert (shown["runningState"], shown["containers"][0]["ready"]) == ("NotRunning", False)
    assert "-9" in shown["runningStateDetails"]


def test_a_dead_replica_still_gets_its_share_of_requests_and_a_starting_one_none(region):
    dead, alive = region.replicas
    dead.process.returncode = -9
    assert {region.next_replica().name for _ in range(4)} == {dead.name, alive.name}
    dead.process.returncode, dead.ready = None, False
    assert {region.next_replica().name for _ in range(4)} == {alive.name}
    alive.ending = True
    assert region.next_replica() is None


def test_an_app_whose_newest_revision_failed_says_so_and_names_the_one_that_serves(region):
    region.revisions["r2"] = Revision("demo-east--r2", "r2", 2, active=False, provisioning="Failed", error="ImagePullBackOff")
    shown = documents.container_app(IDS, region)["properties"]
    assert shown["provisioningState"] == "Failed"
    assert shown["latestRevisionName"] == "demo-east--r2"
    assert shown["latestReadyRevisionName"] == "demo-east--r1"
    assert shown["configuration"]["ingress"]["traffic"][0]["revisionName"] == "demo-east--r1"
