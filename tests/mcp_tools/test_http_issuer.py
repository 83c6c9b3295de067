"""Tokens of an OAuth issuer: only what it signed, for this server, now; and only what their scopes allow."""

from __future__ import annotations

import base64
import json
import time

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from http_door import HEADERS, http_door
from issuer import AUDIENCE, Issuer

from overwatch_mcp.bearer_jwt import JwtVerifier
from overwatch_mcp.bearer_keys import AGAIN_SECONDS, FETCH_BYTES, FRESH_SECONDS, STALE_SECONDS, IssuerKeys
from overwatch_mcp.errors import ConfigError
from overwatch_mcp.http_options import Issuer as IssuerOptions

READ_ONLY = {"scope": "overwatch.read"}
RESTART = {"target": "demo", "region": "east", "operation_id": "op-1"}


@pytest.fixture
async def issuer():
    async with Issuer() as made:
        yield made


@pytest.fixture
async def keys(issuer, stepped):
    made = IssuerKeys(issuer.url, stepped, httpx2.AsyncClient(timeout=1, trust_env=False, verify=False))
    yield made
    await made.close()


@pytest.fixture
def verifier(issuer, keys):
    return JwtVerifier(issuer.url, AUDIENCE, keys)


async def test_a_good_token_says_who_calls_and_with_which_scopes_and_is_not_kept(issuer, verifier):
    token = issuer.token()
    found = await verifier.verify_token(token)
    assert (found.client_id, found.subject, found.scopes) == ("a-client", "somebody", ["overwatch.read", "overwatch.write"])
    assert token not in found.model_dump_json()


@pytest.mark.parametrize(
    "claims",
    [
        {"scope": "overwatch.read"},
        {"scope": "", "scp": "overwatch.read"},
        {"scope": "", "scp": ["overwatch.read"]},
        {"scope": "", "roles": ["overwatch.read"]},
        {"scope": 7, "roles": ["overwatch.read", 7, None], "scp": {"overwatch.write": 1}},
    ],
)
async def test_scopes_are_read_as_the_known_issuers_write_them(issuer, verifier, claims):
    found = await verifier.verify_token(issuer.token(**claims))
    assert "overwatch.read" in found.scopes
    assert set(found.scopes) <= {"overwatch.read", "overwatch.write"}


async def test_a_dict_of_scopes_grants_nothing(issuer, verifier):
    assert (await verifier.verify_token(issuer.token(scope={"overwatch.write": True}))).scopes == []


NOW = int(time.time())
BAD = [
    {"iss": "https://id.example.org"},
    {"aud": "https://other.example.org/mcp"},
    {"aud": ["https://other.example.org/mcp"]},
    {"exp": NOW - 3600},
    {"exp": "soon"},
    {"nbf": NOW + 3600},
    {"iat": NOW + 3600},
    {"drop": ("exp",)},
    {"drop": ("aud",)},
    {"drop": ("iss",)},
    {"drop": ("sub", "client_id")},
    {"kid": ""},
]


@pytest.mark.parametrize("claims", BAD, ids=[f"{n}-{next(iter(claims))}" for n, claims in enumerate(BAD)])
async def test_a_token_that_does_not_fit_is_refused(issuer, verifier, claims):
    assert await verifier.verify_token(issuer.token()) is not None
    if claims.get("kid") == "":
        claims = claims | {"key": issuer.keys["first"]}
    assert await verifier.verify_token(issuer.token(**claims)) is None


def encoded(part) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


async def test_a_token_that_the_issuer_did_not_sign_is_refused(issuer, verifier):
    good = issuer.token()
    header, payload, signature = good.split(".")
    claims = jwt.decode(good, options={"verify_signature": False})
    public = issuer.keys["first"].public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    shared = encoded({"alg": "HS256", "kid": "first"}) + "." + payload
    mac = base64.urlsafe_b64encode(jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(shared.encode(), pem))
    forged = [
        issuer.token(key=ec.generate_private_key(ec.SECP256R1())),
        f"{header}.{encoded(claims | {'sub': 'root'})}.{signature}",
        f"{encoded({'alg': 'none', 'kid': 'first'})}.{payload}.",
        f"{encoded({'alg': 'None', 'kid': 'first'})}.{payload}.{signature}",
        f"{shared}.{mac.decode().rstrip('=')}",
        f"{encoded({'alg': 'ES384', 'kid': 'first'})}.{payload}.{signature}",
        f"{encoded({'alg': ['ES256'], 'kid': 'first'})}.{payload}.{signature}",
        f"{encoded({'alg': 'ES256', 'kid': ['first']})}.{payload}.{signature}",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        "",
        "x" * 40,
        "é" * 40,
        issuer.token(padding="x" * 20_000),
    ]
    for token in forged:
        assert await verifier.verify_token(token) is None, token[:200]
    assert await verifier.verify_token(good) is not None


async def test_keys_that_are_weak_or_for_something_else_are_not_used(issuer, keys, verifier):
    issuer.add("weak", rsa.generate_private_key(65537, 1024))
    issuer.add("other", ec.generate_private_key(ec.SECP256R1()))
    issuer.extra = [
        {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "shared", "alg": "HS256"},
        {"kty": "EC", "kid": "broken"},
        {"kty": "RSA", "n": 7, "e": None, "kid": "broken"},
        "rubbish",
        None,
    ]
    honest = issuer.published
    issuer.published = lambda: [*issuer.extra, *(one | ({"use": "enc"} if one["kid"] == "other" else {}) for one in honest()[5:])]
    with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
        weak = issuer.token(kid="weak")
    assert await verifier.verify_token(weak) is None
    assert await verifier.verify_token(issuer.token(kid="other")) is None
    shared = jwt.encode(
        {"iss": issuer.url, "aud": AUDIENCE, "sub": "x", "exp": NOW + 600},
        "secret" * 8,
        algorithm="HS256",
        headers={"kid": "shared"},
    )
    assert await verifier.verify_token(shared) is None
    assert await keys.get("shared") is None
    assert await verifier.verify_token(issuer.token()) is not None


async def test_a_shared_secret_proves_nothing_even_where_it_passes_for_a_key_of_the_issuer(issuer):
    secret = jwt.PyJWK({"kty": "oct", "k": "c2VjcmV0" * 8, "alg": "HS256"})

    class Keys:
        async def get(self, _kid):
            return secret

    claims = {"iss": issuer.url, "aud": AUDIENCE, "sub": "x", "exp": NOW + 600}
    token = jwt.encode(claims, secret.key, algorithm="HS256", headers={"kid": "first"})
    assert await JwtVerifier(issuer.url, AUDIENCE, Keys()).verify_token(token) is None


async def test_an_rsa_key_of_two_thousand_bits_is_used(issuer, verifier):
    issuer.add("rsa", rsa.generate_private_key(65537, 2048))
    assert await verifier.verify_token(issuer.token(kid="rsa")) is not None


async def test_keys_are_fetched_once_and_for_made_up_ids_at_most_once_a_minute(issuer, verifier, stepped):
    for _ in range(3):
        assert await verifier.verify_token(issuer.token()) is not None
    assert issuer.served["keys"] == 1
    issuer.add("second")
    for _ in range(20):
        assert await verifier.verify_token(issuer.token(kid="second")) is None
    assert issuer.served["keys"] == 1
    stepped.advance(AGAIN_SECONDS)
    assert await verifier.verify_token(issuer.token(kid="second")) is not None
    assert issuer.served["keys"] == 2


async def test_a_key_that_the_issuer_took_back_is_let_go(issuer, verifier, stepped):
    old = issuer.token()
    assert await verifier.verify_token(old) is not None
    issuer.add("second")
    del issuer.keys["first"]
    stepped.advance(FRESH_SECONDS + 1)
    assert await verifier.verify_token(old) is None


async def test_while_the_issuer_is_away_its_keys_hold_for_a_day_and_no_longer(issuer, verifier, stepped):
    token = issuer.token()
    assert await verifier.verify_token(token) is not None
    issuer.status = 500
    stepped.advance(STALE_SECONDS - 1)
    assert await verifier.verify_token(token) is not None
    stepped.advance(2)
    assert await verifier.verify_token(token) is None
    issuer.status = 200
    stepped.advance(AGAIN_SECONDS)
    assert await verifier.verify_token(token) is not None


@pytest.mark.parametrize(
    "spoil",
    [
        {"status": 404},
        {"status": 302},
        {"body": b"{"},
        {"body": b"[]"},
        {"body": b'{"keys": {}}'},
        {"padding": FETCH_BYTES},
        {"metadata": {"issuer": "https://id.example.org"}},
        {"metadata": {"jwks_uri": "http://keys.example.org"}},
        {"metadata": {"jwks_uri": "file:///etc/passwd"}},
        {"metadata": {"jwks_uri": 7}},
    ],
    ids=lambda spoil: str(spoil)[:50],
)
async def test_an_issuer_that_answers_nonsense_lets_nobody_in(issuer, verifier, spoil, caplog):
    for name, value in spoil.items():
        setattr(issuer, name, value)
    assert await verifier.verify_token(issuer.token()) is None
    assert "can't be had" in caplog.text


@pytest.mark.parametrize("url", ["http://id.example.org", "ftp://127.0.0.1", "id.example.org", ""])
def test_an_issuer_that_anyone_could_pose_as_is_refused(url, stepped):
    with pytest.raises(ConfigError, match="https"):
        IssuerKeys(url, stepped)


@pytest.fixture
async def door(bench, issuer, caplog, tmp_path):
    options = IssuerOptions(issuer.url, "http://127.0.0.1:9/mcp", AUDIENCE)
    async with http_door(bench.workshop, caplog, tmp_path, issuer=options) as opened:
        yield opened


async def test_without_a_token_a_client_learns_where_to_get_one_and_nothing_more(door, issuer):
    answer = await door.ask("tools/list", None)
    assert answer.status_code == 401
    where = "http://127.0.0.1:9/.well-known/oauth-protected-resource/mcp"
    assert f'resource_metadata="{where}"' in answer.headers["www-authenticate"]
    metadata = (await door.get("/.well-known/oauth-protected-resource/mcp")).json()
    assert metadata["resource"] == "http://127.0.0.1:9/mcp"
    assert [url.rstrip("/") for url in metadata["authorization_servers"]] == [issuer.url]
    assert metadata["scopes_supported"] == ["overwatch.read", "overwatch.write"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_token_that_may_only_look_sees_and_calls_the_reads_alone(door, issuer, bench, mode):
    async with door.client(mode, issuer.token(**READ_ONLY)) as client:
        tools = (await client.list_tools()).tools
        assert {tool.annotations.read_only_hint for tool in tools} == {True}
        assert (await client.call_tool("get_traffic", {"target": "demo"})).structured_content["weights"]
        assert (await client.read_resource("overwatch://targets/demo")).contents
        for name in ("restart_service", "scale_service", "deploy_container", "switch_traffic", "no_such_tool"):
            with pytest.raises(Exception, match=r"without the scope 'overwatch\.write'"):
                await client.call_tool(name, RESTART)
    assert bench.platform.calls["restart east"] == 0


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_token_that_may_act_acts(door, issuer, bench, mode):
    async with door.client(mode, issuer.token()) as client:
        assert "restart_service" in {tool.name for tool in (await client.list_tools()).tools}
        assert (await client.call_tool("restart_service", RESTART)).structured_content["status"] == "succeeded"
    assert bench.platform.calls["restart east"] == 1


@pytest.mark.parametrize("scope", ["", "overwatch.write", "OVERWATCH.READ", "overwatch.reader"])
async def test_a_token_without_the_scope_to_look_does_nothing(door, issuer, bench, scope):
    answer = await door.ask("tools/call", issuer.token(scope=scope), name="restart_service", arguments=RESTART)
    assert answer.status_code == 403
    assert answer.json()["error"] == "insufficient_scope"
    assert bench.platform.calls["restart east"] == 0


@pytest.fixture
async def session(door, issuer):
    """A session of an older revision, opened by a token that may act: the headers that go on with it."""
    asked = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": asked}
    opened = await door.post(body, HEADERS, issuer.token())
    headers = HEADERS | {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-06-18"}
    told = await door.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, headers, issuer.token())
    assert told.status_code == 202
    return headers


async def test_a_session_of_one_caller_is_not_there_for_another(door, issuer, session):
    listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    assert (await door.post(listing, session, issuer.token())).status_code == 200
    assert (await door.post(listing, session, issuer.token(sub="another"))).status_code == 404
    assert (await door.post(listing, session, issuer.token(client_id="another"))).status_code == 404


async def test_in_a_session_each_request_may_do_what_its_own_token_allows_and_no_more(door, issuer, session, bench):
    call = {"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "restart_service", "arguments": RESTART}}
    refused = await door.post(call, session, issuer.token(**READ_ONLY))
    assert "without the scope" in refused.text
    assert bench.platform.calls["restart east"] == 0
    assert "succeeded" in (await door.post(call, session, issuer.token())).text
    assert bench.platform.calls["restart east"] == 1


async def test_the_door_with_an_issuer_takes_no_other_token(door):
    assert (await door.ask("tools/list", "t0ken-" + "x" * 40)).status_code == 401
