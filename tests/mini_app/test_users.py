"""Users: what is kept, what is refused, and that nothing a client sends is the server's fault."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import insert

from mini_app.backend.database import connect, users

ADA = {"name": "Ada Byron", "email": "ada.byron@example.org"}
TOO_LARGE = 2**63


def total(client) -> int:
    return client.get("/api/users").json()["total"]


def test_a_user_is_made_read_changed_and_deleted(client, clock):
    made = client.post("/api/users", json=ADA)
    assert made.status_code == 201
    where = made.headers["location"]
    assert made.json() == {**ADA, "id": 7, "created_at": clock.now().isoformat()}
    assert client.get(where).json() == made.json()
    changed = client.put(where, json={**ADA, "name": "Countess"})
    assert changed.json() == {**made.json(), "name": "Countess"}
    assert client.delete(where).status_code == 204
    assert client.get(where).status_code == 404


@pytest.mark.parametrize("id_", [0, -1, 999, TOO_LARGE, 10**30])
def test_a_user_who_is_not_there_is_404(client, id_):
    for method in ("GET", "PUT", "DELETE"):
        answer = client.request(method, f"/api/users/{id_}", json=ADA if method == "PUT" else None)
        assert answer.status_code == 404, method
        assert str(id_) in answer.json()["detail"]
    assert total(client) == 6


def test_pages_are_in_order_and_count_all(client):
    first = client.get("/api/users", params={"limit": 4}).json()
    rest = client.get("/api/users", params={"limit": 4, "offset": 4}).json()
    assert [u["id"] for u in first["items"] + rest["items"]] == [1, 2, 3, 4, 5, 6]
    assert (first["total"], rest["total"], rest["limit"], rest["offset"]) == (6, 6, 4, 4)
    assert client.get("/api/users", params={"offset": 1000}).json()["items"] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "offset=-1", f"offset={TOO_LARGE}", "limit=NaN"])
def test_a_page_out_of_bounds_is_refused(client, query):
    assert client.get(f"/api/users?{query}").status_code == 422


def test_a_second_user_with_the_same_email_is_409_also_by_a_change(client):
    made = client.post("/api/users", json=ADA).json()
    again = client.post("/api/users", json={**ADA, "name": "Another"})
    assert again.status_code == 409
    assert ADA["email"] in again.json()["detail"]
    assert client.put("/api/users/1", json=ADA).status_code == 409
    assert client.put(f"/api/users/{made['id']}", json=ADA).status_code == 200
    assert total(client) == 7


def test_an_email_is_the_same_in_upper_and_lower_case(client):
    made = client.post("/api/users", json={**ADA, "email": ADA["email"].upper()})
    assert made.json()["email"] == ADA["email"]
    assert client.post("/api/users", json=ADA).status_code == 409


def test_the_same_email_from_two_replicas_at_once_makes_one_user(replica):
    two = [replica("east", "a"), replica("west", "b")]
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda n: two[n % 2].post("/api/users", json=ADA).status_code, range(8)))
    assert sorted(codes) == [201] + [409] * 7
    assert total(two[0]) == 7


BAD = {
    "no body": b"",
    "half a body": b'{"name":',
    "a list": b"[]",
    "null": b"null",
    "not UTF-8": b"\xff\xfe",
    "no name": b'{"email":"a@b.cd"}',
    "an empty name": b'{"name":"  ","email":"a@b.cd"}',
    "a number for a name": b'{"name":7,"email":"a@b.cd"}',
    "a list for a name": b'{"name":["x"],"email":"a@b.cd"}',
    "a name that is too long": b'{"name":"%s","email":"a@b.cd"}' % (b"x" * 101),
    "a control character": b'{"name":"a\\u0000b","email":"a@b.cd"}',
    "half a surrogate pair": b'{"name":"\\ud800","email":"a@b.cd"}',
    "half a surrogate pair as a key": b'{"name":"x","email":"a@b.cd","\\ud800":1}',
    "not a number": b'{"name":NaN,"email":"a@b.cd"}',
    "infinity": b'{"name":"x","email":1e999}',
    "no e-mail": b'{"name":"x","email":"nobody"}',
    "two addresses": b'{"name":"x","email":"a@b.cd@e.fg"}',
    "a field of the server": b'{"name":"x","email":"a@b.cd","id":1}',
    "nesting without end": b"[" * 50_000,
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD.keys())
def test_bad_input_is_refused_with_a_reason_and_changes_nothing(client, body):
    before = client.get("/api/users").json()
    for method, path in (("POST", "/api/users"), ("PUT", "/api/users/1")):
        answer = client.request(method, path, content=body, headers={"content-type": "application/json"})
        assert answer.status_code in {400, 422}, method
        assert answer.json()["detail"]
    assert client.get("/api/users").json() == before


def test_what_was_refused_is_not_repeated(client):
    answer = client.post("/api/users", json={"name": "secret" * 1000, "email": "a@b.cd"})
    assert "secret" not in answer.text


@pytest.mark.parametrize("chunked", [False, True])
def test_a_huge_body_is_refused_before_it_is_read(client, chunked):
    body = b'{"name":"%s","email":"a@b.cd"}' % (b"x" * 100_000)
    answer = client.post("/api/users", content=iter([body[:50_000], body[50_000:]]) if chunked else body)
    assert answer.status_code == 413


def test_names_in_any_script_come_back_as_they_were(client):
    user = {"name": "Ὑπατία 李白 👩‍💻 <script>alert(1)</script>", "email": "hypatia@bücher.example"}
    assert client.post("/api/users", json=user).json().items() >= user.items()
    assert client.get("/api/users/7").json().items() >= user.items()


def test_a_row_that_could_not_be_made_today_does_not_break_the_list(client, tmp_path):
    with connect(f"sqlite:///{tmp_path / 'demo.db'}").begin() as connection:
        connection.execute(insert(users), [{"name": "a\x00b", "email": "odd", "created_at": "long ago"}])
    assert client.get("/api/users").json()["items"][-1]["email"] == "odd"
