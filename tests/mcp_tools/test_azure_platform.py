"""The real SDK clients against a Resource Manager that misbehaves: what each fault says about the effect."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys

import pytest
from aiohttp import web
from odd_arm import APP, ORIGINS, cut

from overwatch_mcp.azure_platform import AzurePlatform
from overwatch_mcp.clock import SystemClock
from overwatch_mcp.config import AzureTarget
from overwatch_mcp.errors import (
    ConflictError,
    DeniedError,
    LostError,
    MissingError,
    NotDoneError,
    PlatformError,
    ThrottledError,
)

pytest_plugins = ("odd_arm",)

APP_JSON = {
    "name": "demo-east",
    "location": "eastus",
    "properties": {
        "provisioningState": "Succeeded",
        "latestRevisionName": "demo-east--b",
        "latestReadyRevisionName": "demo-east--a",
        "template": {
            "revisionSuffix": "b",
            "containers": [
                {"name": "app", "image": "mini-app:9", "env": [{"name": "A", "value": "1"}], "resources": {"cpu": 0.5}},
                {"name": "sidecar", "image": "proxy:1"},
            ],
            "scale": {"minReplicas": 2, "maxReplicas": 4, "rules": [{"name": "http"}]},
        },
    },
}
REVISION_JSON = {
    "name": "demo-east--a",
    "properties": {
        "healthState": "Healthy",
        "runningState": "RunningAtMaxScale",
        "provisioningState": "Provisioned",
        "template": {"containers": [{"name": "app", "image": "mini-app:1"}]},
    },
}
REPLICAS_JSON = {
    "value": [
        {
            "name": "r1",
            "properties": {
                "createdTime": "2026-11-23T14:02:11Z",
                "runningState": "Running",
                "containers": [{"ready": True, "restartCount": 1}, {"ready": True, "restartCount": 2}],
            },
        },
        {"name": "r2", "properties": {"runningState": "NotRunning", "containers": [{"ready": False}]}},
    ]
}


@pytest.fixture
def healthy(arm):
    arm.answers |= {
        f"GET {APP}": APP_JSON,
        f"GET {APP}/revisions/demo-east--a": REVISION_JSON,
        f"GET {APP}/revisions/demo-east--a/replicas": REPLICAS_JSON,
    }
    return arm


WRITES = {
    "restart": lambda platform: platform.restart("east", "demo-east--a"),
    "scale": lambda platform: platform.scale("east", 2, 5, "ow-1"),
    "set_origin": lambda platform: platform.set_origin("west", 100),
    "deploy": lambda platform: platform.deploy("east", "mini-app:2", "ow-1"),
}

FAULTS = [
    (400, NotDoneError),
    (401, DeniedError),
    (403, DeniedError),
    (404, MissingError),
    (409, ConflictError),
    (429, ThrottledError),
    (500, LostError),
    (503, LostError),
    (cut, LostError),
]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(("fault", "error"), FAULTS)
async def test_a_write_is_sent_once_and_its_fault_says_what_is_known(platform, healthy, write, fault, error):
    healthy.answers |= {"POST": fault, "PATCH": fault}
    with pytest.raises(error) as caught:
        await WRITES[write](platform)
    assert type(caught.value) is error
    assert healthy.arrived["POST"] + healthy.arrived["PATCH"] == 1
    assert "\n" not in str(caught.value)
    if fault == 429:
        assert caught.value.retry_after == 7


@pytest.mark.parametrize("write", WRITES)
async def test_a_write_that_is_accepted_returns_at_once(platform, healthy, write):
    async def accept(request: web.Request) -> web.StreamResponse:
        headers = {"Azure-AsyncOperation": f"{healthy.url}/never", "Location": f"{healthy.url}/never", "Retry-After": "1"}
        return web.Response(status=200 if request.method == "POST" else 202, headers=headers)

    healthy.answers |= {"POST": accept, "PATCH": accept}
    await WRITES[write](platform)
    assert healthy.arrived["POST"] + healthy.arrived["PATCH"] == 1


async def test_a_platform_that_nobody_listens_for_was_never_reached(config, certificate, arm):
    raw = config["targets"]["demo"] | {"arm_url": "https://127.0.0.1:1", "ca_file": str(certificate)}
    unreachable = AzurePlatform("demo", AzureTarget.model_validate(raw), SystemClock())
    try:
        with pytest.raises(NotDoneError, match="can't be reached"):
            await unreachable.restart("east", "demo-east--a")
    finally:
        await unreachable.close()


async def test_a_certificate_that_is_not_the_trusted_one_is_never_spoken_to(config, arm):
    raw = config["targets"]["demo"] | {"arm_url": arm.url, "ca_file": None}
    distrusting = AzurePlatform("demo", AzureTarget.model_validate(raw), SystemClock())
    try:
        with pytest.raises(NotDoneError):
            await distrusting.restart("east", "demo-east--a")
    finally:
        await distrusting.close()
    assert not arm.arrived["POST"]


def test_a_ca_file_that_is_missing_is_named(config, tmp_path):
    raw = config["targets"]["demo"] | {"arm_url": "https://127.0.0.1:1", "ca_file": str(tmp_path / "none.pem")}
    with pytest.raises(PlatformError, match=r"none\.pem"):
        AzurePlatform("demo", AzureTarget.model_validate(raw), SystemClock())


async def test_an_identity_that_can_not_log_in_is_denied_with_a_remedy(platform, healthy):
    healthy.identity = 400
    with pytest.raises(DeniedError, match="`credential`"):
        await platform.restart("east", "demo-east--a")
    assert not healthy.arrived["POST"]


async def test_the_state_of_a_service_is_that_of_the_revision_that_serves(platform, healthy):
    for _ in range(2):
        state = await platform.service("east")
        assert (state.revision, state.image) == ("demo-east--a", "mini-app:1")
        assert (state.replicas_desired, state.replicas_ready) == (2, 1)
        assert [(r.name, r.ready, r.running_state, r.restart_count) for r in state.replicas] == [
            ("r1", True, "Running", 3),
            ("r2", False, "NotRunning", 0),
        ]
        assert state.replicas[0].created_at == dt.datetime(2026, 11, 23, 14, 2, 11, tzinfo=dt.UTC)
        assert (state.health_state, state.running_state, state.provisioning_state) == (
            "Healthy",
            "RunningAtMaxScale",
            "Succeeded",
        )


async def test_a_new_revision_is_noticed_at_once(platform, healthy):
    await platform.service("east")
    changed = {**APP_JSON, "properties": {**APP_JSON["properties"], "latestReadyRevisionName": "demo-east--b"}}
    healthy.answers |= {
        f"GET {APP}": changed,
        f"GET {APP}/revisions/demo-east--a": 404,
        f"GET {APP}/revisions/demo-east--b": {**REVISION_JSON, "name": "demo-east--b"},
        f"GET {APP}/revisions/demo-east--b/replicas": REPLICAS_JSON,
    }
    assert (await platform.service("east")).revision == "demo-east--b"


SPLITS = [
    ("Single", [{"revisionName": "demo-east--b", "weight": 100}], "demo-east--a"),
    ("Multiple", [{"revisionName": "demo-east--b", "weight": 90}, {"latestRevision": True, "weight": 10}], "demo-east--b"),
    ("Multiple", [{"revisionName": "demo-east--b", "weight": 10}, {"latestRevision": True, "weight": 90}], "demo-east--a"),
    ("Multiple", [{"revisionName": "demo-east--b", "weight": 0}], "demo-east--a"),
    ("Multiple", [], "demo-east--a"),
]


@pytest.mark.parametrize(("mode", "traffic", "serving"), SPLITS)
async def test_the_revision_that_serves_is_the_one_with_the_most_users_where_several_are_active(
    platform, healthy, mode, traffic, serving
):
    configuration = {"activeRevisionsMode": mode, "ingress": {"traffic": traffic}}
    healthy.answers |= {
        f"GET {APP}": {**APP_JSON, "properties": {**APP_JSON["properties"], "configuration": configuration}},
        f"GET {APP}/revisions/demo-east--b": {**REVISION_JSON, "name": "demo-east--b"},
        f"GET {APP}/revisions/demo-east--b/replicas": REPLICAS_JSON,
    }
    assert (await platform.service("east")).revision == serving


async def test_many_reads_take_one_login_and_few_connections(platform, healthy):
    for _ in range(10):
        await platform.service("east")
    assert healthy.arrived["token"] == 1
    assert len(healthy.connections) <= 3


async def test_a_deployment_keeps_everything_but_the_first_image(platform, healthy):
    healthy.answers["PATCH"] = {}
    await platform.deploy("east", "mini-app:2", "ow-12345678")
    template = healthy.bodies[0]["properties"]["template"]
    assert template["revisionSuffix"] == "ow-12345678"
    before = APP_JSON["properties"]["template"]["containers"]
    assert template["containers"] == [{**before[0], "image": "mini-app:2"}, before[1]]
    assert set(healthy.bodies[0]["properties"]) == {"template"}


async def test_scaling_sends_bounds_and_nothing_else(platform, healthy):
    healthy.answers["PATCH"] = {}
    await platform.scale("east", 3, 4, "ow-12345678")
    template = {"revisionSuffix": "ow-12345678", "scale": {"minReplicas": 3, "maxReplicas": 4}}
    assert healthy.bodies == [{"properties": {"template": template}}]


OLD = {
    "name": "demo-east--old",
    "properties": {
        "template": {
            "revisionSuffix": "old",
            "containers": [
                {"name": "app", "image": "mini-app:1", "imageType": "ContainerImage", "env": [{"name": "B", "secretRef": "b"}]}
            ],
            "volumes": [{"name": "v", "storageType": "EmptyDir"}],
            "scale": {"minReplicas": 9, "maxReplicas": 9},
        }
    },
}


async def test_a_copy_is_what_the_earlier_revision_ran_and_nothing_of_the_present_one(platform, healthy):
    properties = APP_JSON["properties"]
    template = {**properties["template"], "initContainers": [{"name": "first", "image": "init:2"}]}
    healthy.answers |= {
        f"GET {APP}": {**APP_JSON, "properties": {**properties, "template": template}},
        f"GET {APP}/revisions/demo-east--old": OLD,
        "PATCH": {},
    }
    await platform.copy("east", "demo-east--old", "ow-12345678")
    old = OLD["properties"]["template"]
    assert healthy.bodies == [
        {
            "properties": {
                "template": {
                    "revisionSuffix": "ow-12345678",
                    "containers": old["containers"],
                    "initContainers": [],
                    "volumes": old["volumes"],
                }
            }
        }
    ]


async def test_a_revision_without_containers_is_not_copied(platform, healthy):
    healthy.answers[f"GET {APP}/revisions/demo-east--old"] = {"name": "demo-east--old", "properties": {}}
    with pytest.raises(MissingError, match="name another revision"):
        await platform.copy("east", "demo-east--old", "ow-1")
    assert not healthy.arrived["PATCH"]


def revision(name: str, created: str | None, **more) -> dict:
    return {"name": name, "properties": {"createdTime": created, "template": REVISION_JSON["properties"]["template"], **more}}


async def test_the_revisions_of_all_pages_come_with_the_newest_first_and_those_without_a_time_last(platform, arm):
    pages = {
        "value": [revision("undated-1", None), revision("b", "2026-11-23T12:00:00Z"), revision("undated-2", None)],
        "nextLink": f"{arm.url}/more",
    }
    more = {
        "value": [
            revision("c", "2026-11-23T13:00:00+00:00", provisioningError="\x1b[31mno such image"),
            revision("a", "2026-11-22T12:00:00Z"),
        ]
    }
    arm.answers |= {f"GET {APP}/revisions": pages, "GET /more": more}
    found = await platform.revisions("east")
    assert [one.name for one in found] == ["c", "b", "a", "undated-2", "undated-1"]
    assert found[0].created_at == dt.datetime(2026, 11, 23, 13, tzinfo=dt.UTC)
    assert found[0].error == "no such image"


@pytest.fixture
async def thief():
    """Somebody else's server in plain sight, and what it was told."""
    told: list[dict[str, str]] = []

    async def listen(request: web.Request) -> web.StreamResponse:
        told.append(dict(request.headers))
        return web.json_response({"value": []})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", listen)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"127.0.0.1:{site._server.sockets[0].getsockname()[1]}", told
    finally:
        await runner.cleanup()


async def test_a_next_page_of_another_place_is_never_asked_for(platform, arm, thief):
    host, told = thief
    for scheme in ("http", "https"):
        arm.answers[f"GET {APP}/revisions"] = {"value": [], "nextLink": f"{scheme}://{host}/more"}
        with pytest.raises(LostError, match="leads to"):
            await platform.revisions("east")
    assert not told


@pytest.mark.parametrize("write", [*WRITES])
async def test_a_redirect_to_another_place_is_not_followed_by_any_write(platform, healthy, thief, write):
    host, told = thief

    async def away(_: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": f"http://{host}/here"})

    healthy.answers |= {"PATCH": away, "POST": away}
    with pytest.raises(LostError):
        await WRITES[write](platform)
    assert not told


async def test_a_list_of_pages_without_an_end_is_given_up(platform, arm, monkeypatch):
    monkeypatch.setattr("overwatch_mcp.azure_session.LIST_SECONDS", 0.2)
    arm.answers |= {f"GET {APP}/revisions": {"value": [], "nextLink": f"{arm.url}{APP}/revisions"}}
    with pytest.raises(LostError):
        await platform.revisions("east")
    monkeypatch.setattr("overwatch_mcp.azure_session.LIST_SECONDS", 60)
    arm.answers |= {f"GET {APP}/revisions": {"value": [revision("a", None)] * 500, "nextLink": f"{arm.url}{APP}/revisions"}}
    with pytest.raises(LostError):
        await platform.revisions("east")


async def test_a_revision_that_is_not_there_is_none(platform, arm):
    assert await platform.revision("east", "ow-1") is None


async def test_names_and_images_hold_nothing_that_a_terminal_obeys_or_a_record_can_not_hold(platform, healthy):
    template = {"containers": [{"name": "app", "image": "mini\x1b[31m-app:1"}]}
    healthy.answers[f"GET {APP}/revisions/demo-east--a"] = {"name": "demo\u202e-east--a", "properties": {"template": template}}
    healthy.answers[f"GET {APP}/revisions/demo-east--a/replicas"] = {"value": [{"name": "r\ud8001", "properties": {}}]}
    state = await platform.service("east")
    assert (state.revision, state.image, state.replicas[0].name) == ("demo-east--a", "mini-app:1", "r1")
    assert state.model_dump_json()


ODD_APPS = [[], "text", {"properties": 3}, {"properties": {"template": {"containers": 7, "scale": {"minReplicas": "many"}}}}]


@pytest.mark.parametrize("odd", ODD_APPS)
async def test_an_answer_that_makes_no_sense_is_a_platform_error(platform, healthy, odd):
    healthy.answers[f"GET {APP}"] = odd
    with pytest.raises(PlatformError):
        await platform.service("east")
    with pytest.raises(PlatformError):
        await platform.deploy("east", "mini-app:2", "ow-1")


@pytest.mark.parametrize("odd", [[], {"value": 3}, {"value": [{"name": "east", "properties": {"weight": "x"}}]}])
async def test_origins_that_make_no_sense_are_a_platform_error(platform, arm, odd):
    arm.answers[f"GET {ORIGINS}"] = odd
    with pytest.raises(PlatformError):
        await platform.traffic()


async def test_an_answer_that_is_no_json_is_a_platform_error(platform, healthy):
    async def html(_: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>gateway", content_type="text/html")

    healthy.answers[f"GET {APP}"] = html
    with pytest.raises(PlatformError):
        await platform.service("east")


@pytest.mark.processes
def test_what_a_target_does_not_use_is_not_imported():
    dear = ("azure.mgmt.cdn", "azure.mgmt.trafficmanager", "azure.monitor.query", "overwatch_mcp.az_cli")
    script = f"import sys, overwatch_mcp.azure_platform; print([name for name in {dear} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
