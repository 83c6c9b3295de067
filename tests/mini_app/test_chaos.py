"""Faults on purpose: who may start them, what they do, what heals them, and that they end."""

from __future__ import annotations

import pytest

from mini_app.backend import middleware

USERS = "/api/users"
FAULTS = ("degrade", "outage", "recover")


class Sleeps(list):
    """What the app waited for, in seconds; the waiting itself is left out."""

    async def sleep(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def slept(monkeypatch) -> Sleeps:
    sleeps = Sleeps()
    monkeypatch.setattr(middleware.asyncio, "sleep", sleeps.sleep)
    return sleeps


def inject(client, admin, fault, **body):
    answer = client.post(f"/admin/{fault}", json=body, headers=admin)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "let-me-break-it",
        "Basic let-me-break-it",
        "Bearer ü".encode(),
        b"Bearer \xff",
    ],
)
def test_without_the_token_nothing_is_broken(client, header):
    for fault in FAULTS:
        answer = client.post(f"/admin/{fault}", json={}, headers={} if header is None else {"authorization": header})
        assert answer.status_code == 401, fault
        assert answer.headers["www-authenticate"] == "Bearer"
    assert client.get("/status").json()["faults"] == []


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer "])
def test_where_no_token_is_configured_nobody_may(replica, header):
    client = replica(token="")
    for fault in FAULTS:
        answer = client.post(f"/admin/{fault}", json={}, headers={"authorization": header})
        assert answer.status_code == 403, fault
        assert "MINI_APP_ADMIN_TOKEN" in answer.json()["detail"]
    assert client.get("/status").json()["faults"] == []


def test_a_token_may_be_in_any_script(replica):
    client = replica(token="пароль")
    assert client.post("/admin/recover", headers={"authorization": "Bearer пароль".encode()}).status_code == 200
    assert client.post("/admin/recover", headers={"authorization": "Bearer пароли".encode()}).status_code == 401


def test_the_token_is_compared_in_constant_time(client, admin, monkeypatch):
    compared = []
    monkeypatch.setattr("mini_app.backend.chaos.hmac.compare_digest", lambda a, b: compared.append((a, b)) or a == b)
    assert client.post("/admin/recover", headers=admin).status_code == 200
    assert client.post("/admin/recover", headers={"authorization": "Bearer x"}).status_code == 401
    assert len(compared) == 2


BAD = [
    ("degrade", b'{"latency_ms":-1}'),
    ("degrade", b'{"latency_ms":30001}'),
    ("degrade", b'{"latency_ms":NaN}'),
    ("degrade", b'{"latency_ms":1e999}'),
    ("degrade", b'{"latency_ms":"10"}'),
    ("degrade", b'{"latency_ms":true}'),
    ("degrade", b'{"error_rate":1.01}'),
    ("degrade", b'{"error_rate":NaN}'),
    ("degrade", b'{"duration_s":-5}'),
    ("degrade", b'{"duration_s":0}'),
    ("degrade", b'{"duration_s":Infinity}'),
    ("degrade", b'{"scope":"everything"}'),
    ("degrade", b'{"scope":["region"]}'),
    ("degrade", b'{"lattency_ms":10}'),
    ("degrade", b"[]"),
    ("outage", b'{"duration_s":3601}'),
    ("outage", b'{"duration_s":NaN}'),
    ("outage", b'{"scope":"process"}'),
]


@pytest.mark.parametrize(("fault", "body"), BAD)
def test_a_fault_out_of_bounds_is_refused_and_nothing_is_broken(client, admin, fault, body):
    answer = client.post(f"/admin/{fault}", content=body, headers={**admin, "content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert client.get("/status").json()["faults"] == []


def test_a_fault_says_what_it_is_and_when_it_ends(client, admin, clock, slept):
    inject(client, admin, "degrade", latency_ms=100, error_rate=0.5, duration_s=60, scope="region")
    clock.advance(20)
    wanted = {"kind": "degrade", "scope": "region", "latency_ms": 100, "error_rate": 0.5, "ends_in_s": 40}
    assert client.get("/status").json()["faults"] == [wanted]


def test_degrading_delays_users_and_health_but_not_what_tells_of_it(client, admin, slept):
    inject(client, admin, "degrade", latency_ms=700, error_rate=0)
    for path in ("/metrics", "/status"):
        assert client.get(path).status_code == 200
    assert slept == []
    assert client.get(USERS).status_code == 200
    assert client.get("/health").status_code == 200
    assert slept == [0.7, 0.7]


def test_degrading_fails_the_given_share_of_user_requests(client, admin, slept):
    inject(client, admin, "degrade", latency_ms=0, error_rate=0.4)
    codes = [client.get(USERS).status_code for _ in range(100)]
    assert set(codes) == {200, 500}
    assert 30 <= codes.count(500) <= 50
    assert all(client.get("/health").status_code == 200 for _ in range(20))


@pytest.mark.parametrize(("rate", "code"), [(0, 200), (1, 500)])
def test_an_error_rate_of_nothing_or_all_is_exact(client, admin, slept, rate, code):
    inject(client, admin, "degrade", latency_ms=0, error_rate=rate)
    assert {client.get(USERS).status_code for _ in range(20)} == {code}


def test_degrading_is_the_processs_unless_said_otherwise_and_a_restart_heals_it(replica, admin, slept):
    first, neighbour = replica(name="a"), replica(name="b")
    assert inject(first, admin, "degrade", latency_ms=0, error_rate=1)["active"][0]["scope"] == "process"
    assert first.get(USERS).status_code == 500
    assert neighbour.get(USERS).status_code == 200
    assert replica(name="a").get(USERS).status_code == 200


def test_where_faults_spread_every_process_that_runs_is_degraded_and_a_restart_heals_it(replica, admin, slept, clock):
    first, neighbour, other = (
        replica(name=name, spread_faults=True, region=at) for name, at in (("a", "east"), ("b", "east"), ("c", "west"))
    )
    clock.advance(1)
    inject(first, admin, "degrade", latency_ms=0, error_rate=1)
    clock.advance(1)
    assert [one.get(USERS).status_code for one in (first, neighbour, other)] == [500, 500, 200]
    assert replica(name="a", spread_faults=True).get(USERS).status_code == 200
    assert inject(neighbour, admin, "recover")["active"] == []
    clock.advance(1)
    assert first.get(USERS).status_code == 200


def test_a_degraded_region_stays_so_after_a_restart_and_the_other_region_is_well(replica, admin, slept):
    inject(replica(), admin, "degrade", latency_ms=0, error_rate=1, scope="region")
    assert replica().get(USERS).status_code == 500
    assert replica("west").get(USERS).status_code == 200


def test_an_outage_refuses_everything_outlives_restarts_and_spares_the_other_region(replica, admin):
    inject(replica(), admin, "outage")
    restarted = replica()
    for path in (USERS, "/health", "/metrics", "/status", "/", "/static/app.js"):
        answer = restarted.get(path)
        assert answer.status_code == 503
        assert (answer.headers["x-region"], answer.headers["x-replica"]) == ("east", "replica-1")
    assert replica("west").get(USERS).status_code == 200


def test_an_outage_reaches_the_other_replicas_of_its_region_within_a_moment(replica, admin, clock):
    first, neighbour = replica(name="a"), replica(name="b")
    assert neighbour.get(USERS).status_code == 200
    inject(first, admin, "outage")
    clock.advance(0.3)
    assert neighbour.get(USERS).status_code == 503


def test_during_an_outage_admin_still_answers_and_only_to_the_token(client, admin):
    inject(client, admin, "outage")
    assert client.post("/admin/recover").status_code == 401
    assert client.get(USERS).status_code == 503
    assert inject(client, admin, "recover")["active"] == []
    assert client.get(USERS).status_code == 200


@pytest.mark.parametrize("path", ["/administrator", "/admin-panel", "//admin", "/Admin/recover"])
def test_only_admin_itself_answers_during_an_outage(client, admin, path):
    inject(client, admin, "outage")
    assert client.post(path, headers=admin).status_code == 503


@pytest.mark.parametrize(
    ("fault", "body"),
    [
        ("degrade", {"latency_ms": 0, "error_rate": 1, "duration_s": 30}),
        ("degrade", {"latency_ms": 0, "error_rate": 1, "duration_s": 30, "scope": "region"}),
        ("outage", {"duration_s": 30}),
    ],
)
def test_a_forgotten_experiment_ends_by_itself(client, admin, clock, slept, fault, body):
    inject(client, admin, fault, **body)
    clock.advance(29)
    assert client.get(USERS).status_code >= 500
    clock.advance(1)
    assert client.get(USERS).status_code == 200
    assert client.get("/status").json()["faults"] == []


def test_recovering_ends_the_faults_of_the_process_and_of_the_region(client, admin, slept):
    inject(client, admin, "degrade", scope="process")
    inject(client, admin, "degrade", scope="region")
    inject(client, admin, "outage")
    assert len(inject(client, admin, "degrade", scope="region")["active"]) == 3
    assert inject(client, admin, "recover")["active"] == []


def test_what_faults_do_to_users_is_measured(client, admin, slept):
    inject(client, admin, "degrade", latency_ms=0, error_rate=1)
    for _ in range(3):
        client.get("/api/users/1")
    inject(client, admin, "recover")
    assert 'http_errors_total{route="/api/users/{id}"} 3.0' in client.get("/metrics").text
