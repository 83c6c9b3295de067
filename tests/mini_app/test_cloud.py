"""The demo's cloud with its real processes: what is asked for really happens, and the users go on being served."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cloud_support import ROOT, Cloud, eventually, open_cloud
from processes import children_of, running

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def cloud(tmp_path_factory) -> Iterator[Cloud]:
    """One world for this module: each test leaves two ready replicas in each region."""
    opened = open_cloud(tmp_path_factory.mktemp("cloud"), "--rps", "20", "--lease-seconds", "600")
    try:
        yield opened.wait_ready()
    finally:
        opened.end()


class Watch(threading.Thread):
    """Asks a region's ingress, and counts who is ready, until it is told to stop."""

    def __init__(self, cloud: Cloud, region: str) -> None:
        super().__init__(daemon=True)
        self._cloud, self._region, self._over = cloud, region, threading.Event()
        self.codes: list[int] = []
        self.ready: list[int] = []
        self.alive: list[int] = []

    def run(self) -> None:
        while not self._over.is_set():
            self.codes.append(self._cloud.http.get(f"{self._cloud.ingress(self._region)}/api/users?limit=1").status_code)
            replicas = self._cloud.region(self._region)["replicas"]
            self.ready.append(sum(r["ready"] for r in replicas))
            self.alive.append(sum(r["alive"] for r in replicas))

    def stop(self) -> None:
        self._over.set()
        self.join(10)


@contextlib.contextmanager
def watching(cloud: Cloud, region: str) -> Iterator[Watch]:
    watch = Watch(cloud, region)
    watch.start()
    try:
        eventually(lambda: watch.ready)
        yield watch
    finally:
        watch.stop()


def restart(cloud: Cloud, region: str) -> None:
    revision = cloud.region(region)["revision"]
    answer = cloud.arm("POST", f"{cloud.app_path(region)}/revisions/{revision}/restart")
    assert (answer.status_code, answer.json()) == (200, "Restarted")
    cloud.settled(region)


def admin(cloud: Cloud, region: str, fault: str, **body) -> None:
    headers = {"authorization": f"Bearer {cloud.facts['admin_token']}"}
    assert cloud.http.post(f"{cloud.ingress(region)}/admin/{fault}", json=body, headers=headers).status_code == 200


def codes(cloud: Cloud, region: str, count: int = 10) -> set[int]:
    return {cloud.http.get(f"{cloud.ingress(region)}/api/users").status_code for _ in range(count)}


def test_a_restart_gives_new_processes_one_after_another_and_users_notice_nothing(cloud):
    before, restarts = cloud.pids("east"), cloud.region("east")["restarts_total"]
    with watching(cloud, "east") as watch:
        restart(cloud, "east")
    after = cloud.pids("east")
    assert len(after) == 2
    assert not set(before) & set(after)
    assert running(before) == []
    assert (min(watch.ready), max(watch.alive)) == (2, 3)
    assert set(watch.codes) == {200}
    assert cloud.region("east")["restarts_total"] == restarts + 1


def test_scaling_adds_and_ends_processes_leaves_the_others_alone_and_is_one_change_at_a_time(cloud):
    before = cloud.pids("west")
    assert cloud.patch("west", {"scale": {"minReplicas": 3, "maxReplicas": 5}}).status_code == 202
    assert cloud.patch("west", {"scale": {"minReplicas": 4}}).status_code == 409
    assert cloud.settled("west")["template"]["scale"]["minReplicas"] == 3
    more = cloud.pids("west")
    assert len(more) == 3
    assert set(before) < set(more)
    assert set(running(more)) == set(more)
    assert cloud.patch("west", {"scale": {"minReplicas": 2}}).status_code == 202
    cloud.settled("west")
    assert cloud.pids("west") == before


def test_a_new_revision_replaces_every_process_and_users_notice_nothing(cloud):
    before = cloud.pids("east")
    with watching(cloud, "east") as watch:
        answer = cloud.patch("east", {"containers": [{"image": "mini-app:2"}], "revisionSuffix": "two"})
        assert answer.status_code == 202
        operation = answer.headers["azure-asyncoperation"].removeprefix(cloud.facts["arm_url"])
        settled = cloud.settled("east")
    assert settled["latestReadyRevisionName"] == "demo-east--two"
    assert cloud.arm("GET", operation).json()["status"] == "Succeeded"
    assert {cloud.http.get(f"{cloud.ingress('east')}/status").json()["version"] for _ in range(4)} == {"2"}
    assert not set(before) & set(cloud.pids("east"))
    assert running(before) == []
    assert min(watch.ready) >= 2
    assert set(watch.codes) == {200}
    old = cloud.arm("GET", f"{cloud.app_path('east')}/revisions/demo-east--r1").json()["properties"]
    assert (old["active"], old["runningState"]) == (False, "Stopped")


def test_an_image_that_does_not_exist_fails_and_the_old_processes_serve(cloud):
    before, serves = cloud.pids("west"), cloud.region("west")["revision"]
    assert cloud.patch("west", {"containers": [{"image": "mini-app:404"}], "revisionSuffix": "gone"}).status_code == 202
    settled = cloud.settled("west")
    assert settled["provisioningState"] == "Failed"
    assert settled["latestReadyRevisionName"] == serves
    failed = cloud.arm("GET", f"{cloud.app_path('west')}/revisions/demo-west--gone").json()["properties"]
    assert (failed["healthState"], failed["runningState"]) == ("Unhealthy", "Failed")
    assert "mini-app:404" in failed["provisioningError"]
    assert cloud.pids("west") == before
    assert codes(cloud, "west") == {200}


def test_stopping_ends_the_processes_and_starting_brings_new_ones(cloud):
    before = cloud.pids("west")
    assert cloud.arm("POST", f"{cloud.app_path('west')}/stop").status_code == 202
    assert cloud.settled("west")["runningStatus"] == "Stopped"
    assert running(before) == []
    assert codes(cloud, "west") == {503}
    assert cloud.patch("west", {"scale": {"minReplicas": 3}}).status_code == 400
    assert cloud.arm("POST", f"{cloud.app_path('west')}/start").status_code == 202
    assert cloud.settled("west")["runningStatus"] == "Running"
    assert len(cloud.pids("west")) == 2
    assert codes(cloud, "west") == {200}


def test_a_killed_replica_is_seen_counted_and_replaced_by_a_restart(cloud):
    path = f"{cloud.app_path('east')}/revisions/{cloud.region('east')['revision']}"
    killed_before = cloud.region("east")["killed_total"]
    killed = cloud.control("POST", "kill-replica", {"region": "east", "index": 1}).json()["killed"]
    eventually(lambda: killed not in cloud.pids("east"))
    assert cloud.region("east")["killed_total"] == killed_before + 1
    states = [one["properties"]["runningState"] for one in cloud.arm("GET", f"{path}/replicas").json()["value"]]
    assert sorted(states) == ["NotRunning", "Running"]
    assert cloud.arm("GET", path).json()["properties"]["runningState"] == "Degraded"
    assert codes(cloud, "east") == {200, 502}
    (alone,) = cloud.pids("east")
    os.kill(alone, signal.SIGKILL)
    eventually(lambda: cloud.pids("east") == [])
    assert codes(cloud, "east") == {502}
    restart(cloud, "east")
    assert len(cloud.pids("east")) == 2
    assert codes(cloud, "east") == {200}


def test_a_fault_reaches_every_process_of_its_region_and_no_other(cloud):
    try:
        admin(cloud, "west", "degrade", latency_ms=0, error_rate=1, duration_s=60)
        assert codes(cloud, "west") == {500}
        admin(cloud, "west", "outage", duration_s=60)
        assert codes(cloud, "west") == {503}
        assert codes(cloud, "east") == {200}
    finally:
        admin(cloud, "west", "recover")
    assert codes(cloud, "west") == {200}


def test_users_go_where_the_weights_say(cloud):
    def served() -> set[str]:
        return {cloud.http.get(f"{cloud.facts['public_url']}/api/users").headers["x-region"] for _ in range(10)}

    def origin(region: str, **properties) -> None:
        assert cloud.arm("PATCH", cloud.origin_path(region), json={"properties": properties}).status_code == 200

    assert served() == {"east"}
    origin("west", enabledState="Enabled", weight=1000, priority=1)
    eventually(lambda: served() == {"east", "west"})  # west may have to be found well again first
    origin("east", enabledState="Disabled")
    assert served() == {"west"}
    origin("east", enabledState="Enabled")
    origin("west", enabledState="Disabled")
    assert served() == {"east"}


def test_faults_of_arm_are_ordered_and_cleared_through_the_control_interface(cloud):
    fault = {"method": "GET", "path": "containerapps/demo-east", "kind": "throttle", "retry_after": 3}
    assert cloud.control("POST", "arm-faults", fault).status_code == 200
    try:
        throttled = cloud.arm("GET", cloud.app_path("east"))
        assert (throttled.status_code, throttled.headers["retry-after"]) == (429, "3")
        assert [(f["struck"], f["left"]) for f in cloud.control("GET", "arm-faults").json()["faults"]] == [(1, 0)]
        assert cloud.arm("GET", cloud.app_path("east")).status_code == 200
    finally:
        assert cloud.control("DELETE", "arm-faults").json() == {"faults": []}


def test_what_happens_to_users_is_found_in_the_metrics_and_the_logs(cloud):
    facts = cloud.facts
    login = {"grant_type": "client_credentials", "client_id": facts["client_id"], "client_secret": facts["client_secret"]}
    form = {**login, "scope": "https://api.loganalytics.io/.default"}
    token = cloud.http.post(f"{facts['login_url']}/{facts['tenant_id']}/oauth2/v2.0/token", data=form).json()["access_token"]

    def logged() -> list[str]:
        query = (
            'ContainerAppConsoleLogs_CL | where ContainerAppName_s == "demo-east" | top 50 by TimeGenerated desc | project Log_s'
        )
        url = f"{facts['logs_url']}/v1/workspaces/{facts['log_workspace']}/query"
        answer = cloud.http.post(url, json={"query": query}, headers={"authorization": f"Bearer {token}"})
        return [row[0] for row in answer.json()["tables"][0]["rows"]]

    before = cloud.region("east")["requests_total"]
    try:
        admin(cloud, "east", "degrade", latency_ms=0, error_rate=1, duration_s=60, scope="region")
        assert eventually(lambda: codes(cloud, "east") == {500}), "a replica hears of its region's fault a moment later"
    finally:
        admin(cloud, "east", "recover")
    assert cloud.region("east")["requests_total"] >= before + 10
    assert eventually(lambda: any("GET /api/users was answered with 500" in line for line in logged()))
    metrics = f"{cloud.app_path('east')}/providers/Microsoft.Insights/metrics?metricnames=Requests,WorkingSetBytes"
    requests, memory = (one["timeseries"][0]["data"] for one in cloud.arm("GET", metrics).json()["value"])
    assert sum(point["total"] for point in requests) >= 10
    assert max(point.get("average", 0) for point in memory) > 10_000_000


def test_without_its_token_the_control_interface_does_nothing(cloud):
    before = cloud.control("GET", "state").json()
    for header in (b"", b"Bearer wrong", b"Bearer \xff"):
        for method, path in (
            ("POST", "stop"),
            ("POST", "kill-replica"),
            ("GET", "state"),
            ("POST", "lease"),
            ("POST", "arm-faults"),
        ):
            url = f"{cloud.facts['control_url']}/control/{path}"
            assert cloud.http.request(method, url, headers={"authorization": header}, json={}).status_code == 401
    after = cloud.control("GET", "state").json()
    assert [r["pid"] for r in after["regions"]["east"]["replicas"]] == [r["pid"] for r in before["regions"]["east"]["replicas"]]


@pytest.mark.parametrize(
    "body",
    [None, [], {"region": "north"}, {"region": ["east"]}, {"region": "east", "index": -1}, {"region": "east", "index": "0"}],
)
def test_a_kill_that_names_no_replica_kills_nothing(cloud, body):
    before = cloud.pids("east"), cloud.region("east")["killed_total"]
    assert cloud.control("POST", "kill-replica", body).status_code == 400
    assert cloud.control("POST", "kill-replica", {"region": "east", "index": 99}).status_code == 409
    assert before == (cloud.pids("east"), cloud.region("east")["killed_total"])


def raw(url: str, target: str, *headers: str) -> int:
    """The status of a request whose target is sent exactly as it is written."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = [f"POST {target} HTTP/1.1", f"Host: {host}", "Connection: close", "Content-Length: 0", *headers]
        connection.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
        return int(connection.makefile("rb").readline().split()[1])


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/admin/outage", 404),
        ("/%61dmin/outage", 404),
        ("//admin/outage", 404),
        ("/x/../admin/outage", 404),
        ("/x/%2e%2e/admin/outage", 404),
        ("/./admin/outage", 404),
        ("http://127.0.0.1/admin/outage", 400),
    ],
)
def test_chaos_never_gets_through_the_public_address(cloud, target, status):
    token = f"Authorization: Bearer {cloud.facts['admin_token']}"
    assert raw(cloud.facts["public_url"], target, token) == status
    assert codes(cloud, "east", 2) == {200}


def test_a_huge_body_is_refused_at_the_door(cloud):
    for url in (cloud.facts["public_url"], cloud.ingress("east")):
        answer = cloud.http.post(f"{url}/api/users", content=b"x" * 70_000)
        assert answer.status_code == 413
        assert "x-replica" not in answer.headers


def test_a_light_stream_of_users_goes_through_the_public_address(cloud):
    def requests() -> float:
        page = cloud.http.get(cloud.facts["edge_metrics_url"]).text
        return sum(float(line.split()[-1]) for line in page.splitlines() if line.startswith("edge_requests_total"))

    before = requests()
    eventually(lambda: requests() > before + 5)


def test_everything_listens_on_loopback_alone(cloud):
    listening = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A":
                listening[columns[9]] = columns[1]
    found = []
    for pid in (cloud.process.pid, *children_of(cloud.process.pid)):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                inode = str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]")
                found += [listening[inode]] if inode in listening else []
    assert len(found) >= 10
    assert {address.split(":")[0] for address in found} == {"0100007F"}


def test_secrets_are_readable_by_their_owner_alone(cloud):
    for name in ("local_azure.json", "key.pem"):
        assert (cloud.folder / name).stat().st_mode & 0o777 == 0o600


def test_a_second_cloud_in_the_same_folder_is_refused_and_the_first_goes_on(cloud):
    command = [sys.executable, "-m", "mini_app.local_azure", "--state-dir", str(cloud.folder)]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert second.returncode == 3
    assert str(cloud.folder) in second.stderr
    assert (cloud.folder / "local_azure.json").exists()
    assert codes(cloud, "east") == {200}
