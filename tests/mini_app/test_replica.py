"""What a replica says about itself: health, metrics, status, the page, and who answered."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import text

from mini_app.backend import app as app_module
from mini_app.backend.database import connect

FRONTEND = Path(app_module.FRONTEND)


def metric(client, name: str, **labels: str) -> float:
    """The value of one series; zero where there is none."""
    for line in client.get("/metrics").text.splitlines():
        found = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
        if found and all(f'{k}="{v}"' in (found[1] or "") for k, v in labels.items()):
            return float(found[2])
    return 0.0


def break_database(tmp_path) -> None:
    with connect(f"sqlite:///{tmp_path / 'demo.db'}").begin() as connection:
        connection.execute(text("ALTER TABLE users RENAME TO gone"))


def test_health_is_the_media_type_of_health_with_a_check_of_the_database(client, clock):
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/health+json"
    body = answer.json()
    assert (body["status"], body["serviceId"], body["releaseId"]) == ("pass", "mini-app-east", "1")
    found = body["checks"]["database:responseTime"][0]
    assert found["status"] == "pass"
    assert found["observedValue"] >= 0
    assert found["time"] == clock.now().isoformat()


def test_health_fails_when_the_users_cannot_be_read(client, tmp_path):
    break_database(tmp_path)
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json()["status"] == "fail"
    assert answer.json()["checks"]["database:responseTime"][0]["output"] == "OperationalError"


def test_health_warns_when_the_database_is_slow(client, monkeypatch):
    monkeypatch.setattr(app_module, "check", lambda _: (True, 501.0, ""))
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "warn")


@pytest.mark.parametrize(
    "path", ["/", "/health", "/metrics", "/status", "/api/users", "/api/users/99", "/static/app.js", "/nowhere"]
)
def test_every_answer_says_who_gave_it(client, path):
    answer = client.get(path)
    assert (answer.headers["x-region"], answer.headers["x-replica"]) == ("east", "replica-1")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_an_answer_of_a_failure_says_who_gave_it_and_is_counted(client, tmp_path):
    break_database(tmp_path)
    answer = client.get("/api/users")
    assert answer.status_code == 500
    assert (answer.headers["x-region"], answer.headers["x-replica"]) == ("east", "replica-1")
    assert metric(client, "http_requests_total", route="/api/users", status="500") == 1
    assert metric(client, "http_errors_total", route="/api/users") == 1


def test_metrics_count_the_requests_of_users_by_route(client):
    for path in ("/api/users", "/api/users/1", "/api/users/2", "/api/users/99", "/health", "/status", "/metrics"):
        client.get(path)
    assert metric(client, "http_requests_total", method="GET", route="/api/users", status="200") == 1
    assert metric(client, "http_requests_total", method="GET", route="/api/users/{id}", status="200") == 2
    assert metric(client, "http_requests_total", method="GET", route="/api/users/{id}", status="404") == 1
    assert metric(client, "http_request_duration_seconds_count", route="/api/users/{id}") == 3
    assert metric(client, "http_request_duration_seconds_bucket", route="/api/users/{id}", le=r"+Inf") == 3
    assert metric(client, "http_errors_total", route="/api/users/{id}") == 0
    assert client.get("/status").json()["requests_total"] == 4


def test_metrics_tell_the_pool_the_memory_the_cpu_and_who_this_is(client):
    page = client.get("/metrics")
    assert page.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert metric(client, "db_pool_size") == 10
    assert metric(client, "db_pool_in_use") == 0
    assert metric(client, "process_resident_memory_bytes") > 1_000_000
    assert "process_cpu_percent" in page.text
    assert metric(client, "app_info", version="1", region="east", replica="replica-1") == 1


def test_invented_paths_and_methods_make_no_new_series(client):
    client.get("/nowhere/0")
    client.request("BREW", "/nowhere/0")
    before = client.get("/metrics").text.count("\n")
    for number in range(1, 30):
        client.get(f"/nowhere/{number}")
        client.request(f"BREW{number}", f"/nowhere/{number}")
    assert client.get("/metrics").text.count("\n") == before
    assert metric(client, "http_requests_total", method="OTHER", route="other") == 30


def test_status_tells_the_version_the_uptime_and_the_peers(replica, clock):
    client = replica(version="2", peers={"west": "http://127.0.0.1:1"})
    clock.advance(90)
    status = client.get("/status").json()
    assert (status["region"], status["replica"], status["version"]) == ("east", "replica-1", "2")
    assert status["uptime_s"] == 90
    assert status["faults"] == []
    assert status["peers"] == {"west": "http://127.0.0.1:1"}


def test_two_regions_share_their_users(replica):
    east, west = replica("east", "e"), replica("west", "w")
    east.post("/api/users", json={"name": "Shared", "email": "shared@example.org"})
    assert west.get("/api/users/7").json()["name"] == "Shared"
    assert west.get("/api/users/7").headers["x-region"] == "west"


def test_a_database_is_seeded_once(replica):
    for name in ("a", "b", "c"):
        assert replica(name=name).get("/api/users").json()["total"] == 6


def test_the_page_runs_nothing_but_its_own_files(client):
    page = client.get("/")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|\sstyle=|<style", page.text)


def test_the_page_never_takes_text_for_markup():
    script = (FRONTEND / "app.js").read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|srcdoc", script)


def test_every_element_that_the_script_names_is_in_the_page():
    script = (FRONTEND / "app.js").read_text(encoding="utf-8")
    page = (FRONTEND / "index.html").read_text(encoding="utf-8")
    named = set(re.findall(r'by\("([^"]+)"\)', script))
    assert named >= {"region", "state", "users", "token", "faults-form"}
    assert named <= set(re.findall(r'\bid="([^"]+)"', page))


@pytest.mark.parametrize(
    "path", ["/static/../backend/app.py", "/static/%2e%2e/backend/app.py", "/static/%00", "/static/" + "a" * 5000]
)
def test_no_path_leads_out_of_the_frontend(client, path):
    assert client.get(path).status_code == 404
