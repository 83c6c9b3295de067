"""Logging in: what a client finds out about the authority, who gets a token, and what each token opens."""

from __future__ import annotations

import base64
import json

import pytest
from arm_support import APP

from mini_app.local_azure.entra import ASSERTION_TYPE

LOGS = "/v1/workspaces/workspace/query"


@pytest.fixture
def log_in(ask, entra):
    """Ask for a token with the right form, but for what is given; the status and the answer."""

    async def call(path: str = "/tenant/oauth2/v2.0/token", **changed: str | None):
        form = {
            "grant_type": "client_credentials",
            "client_id": entra.client_id,
            "client_secret": entra.client_secret,
            "scope": "https://management.azure.com/.default",
        }
        form = {name: value for name, value in {**form, **changed}.items() if value is not None}
        async with ask.http.post(path, data=form) as answer:
            return answer.status, await answer.json()

    return call


def claims(token: str) -> dict:
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


async def test_a_service_principal_gets_a_token_that_arm_accepts(ask, log_in):
    status, answer = await log_in()
    assert status == 200
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)
    assert claims(answer["access_token"])["aud"] == "https://management.azure.com"
    assert (await ask.send("GET", APP, authorization=f"Bearer {answer['access_token']}")).status == 200


async def test_a_federated_token_stands_for_the_secret(entra, log_in):
    federated = {"client_secret": None, "client_assertion_type": ASSERTION_TYPE}
    status, _ = await log_in(**federated, client_assertion=entra.federated_token)
    assert status == 200
    for wrong in ("x", "", entra.client_secret, "\u20ac"):
        status, answer = await log_in(**federated, client_assertion=wrong)
        assert (status, answer["error_codes"]) == (401, [700213])
    assert (await log_in(client_secret=None, client_assertion=entra.federated_token))[0] == 401


async def test_the_first_version_of_the_token_endpoint_takes_a_resource(log_in):
    status, answer = await log_in("/tenant/oauth2/token", scope=None, resource="https://management.azure.com/")
    assert (status, claims(answer["access_token"])["aud"]) == (200, "https://management.azure.com/")


@pytest.mark.parametrize(
    ("changed", "status", "number", "error"),
    [
        ({"client_secret": "wrong"}, 401, 7000215, "invalid_client"),
        ({"client_secret": "ü"}, 401, 7000215, "invalid_client"),
        ({"client_secret": None}, 401, 7000218, "invalid_client"),
        ({"client_id": "somebody"}, 400, 700016, "unauthorized_client"),
        ({"grant_type": "password"}, 400, 70003, "unsupported_grant_type"),
        ({"grant_type": None}, 400, 70003, "unsupported_grant_type"),
        ({"scope": None}, 400, 900144, "invalid_request"),
        ({"scope": "https://management.azure.com"}, 400, 1002012, "invalid_scope"),
    ],
)
async def test_a_wrong_login_is_refused_in_entras_words(log_in, changed, status, number, error):
    found, answer = await log_in(**changed)
    assert (found, answer["error"], answer["error_codes"]) == (status, error, [number])
    assert answer["error_description"].startswith(f"AADSTS{number}: ")
    assert answer["trace_id"] in answer["error_description"]
    assert "access_token" not in answer


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "application/x-www-form-urlencoded; charset=nonsense",
        "application/x-www-form-urlencoded",
        "text/plain",
    ],
)
async def test_a_body_that_is_no_form_is_refused(ask, kind):
    headers = {"Content-Type": kind}
    async with ask.http.post("/tenant/oauth2/v2.0/token", data=b"\xff\xfe=\xff", headers=headers) as answer:
        assert (answer.status, "error_codes" in await answer.json()) == (400, True)


async def test_another_tenant_is_not_known(ask, log_in):
    assert (await log_in("/other/oauth2/v2.0/token"))[1]["error_codes"] == [90002]
    async with ask.http.get("/other/v2.0/.well-known/openid-configuration") as answer:
        assert (answer.status, (await answer.json())["error"]) == (400, "invalid_tenant")


async def test_a_client_finds_the_token_endpoint_by_itself(ask):
    async with ask.http.get("/common/discovery/instance?api-version=1.1") as answer:
        found = (await answer.json())["tenant_discovery_endpoint"]
    async with ask.http.get("/" + found.split("/", 3)[3]) as answer:
        configuration = await answer.json()
    assert configuration["token_endpoint"].endswith("/tenant/oauth2/v2.0/token")
    assert configuration["issuer"].startswith("https://")


async def test_the_cloud_describes_itself_in_the_form_of_the_version_asked_for(ask):
    async with ask.http.get("/metadata/endpoints?api-version=2022-09-01") as answer:
        one = await answer.json()
    async with ask.http.get("/metadata/endpoints?api-version=2019-05-01") as answer:
        assert await answer.json() == [one]
    assert one["resourceManager"] == f"{one['authentication']['loginEndpoint']}/" == one["authentication"]["audiences"][0]


@pytest.mark.parametrize(
    ("audience", "arm", "logs"),
    [
        ("https://management.azure.com", 200, 403),
        ("https://management.azure.com/", 200, 403),
        ("https://own", 200, 400),
        ("https://own/", 200, 400),
        ("https://api.loganalytics.io", 401, 400),
        ("https://vault.azure.net", 401, 403),
        ("", 401, 403),
    ],
)
async def test_a_token_opens_what_it_is_for_and_nothing_else(ask, tokens, audience, arm, logs):
    bearer = f"Bearer {tokens.issue(audience)}"
    asked = await ask.send("GET", APP, authorization=bearer)
    queried = await ask.send("POST", LOGS, b"{}", bearer)
    assert (asked.status, queried.status) == (arm, logs)
    for answer in (asked, queried):
        if answer.status in {401, 403}:
            assert answer.code == "InvalidAuthenticationTokenAudience"
            assert "authorization_uri" in answer.headers["WWW-Authenticate"]


async def test_whoever_names_another_host_gets_no_other_audience(ask, tokens):
    headers = {"Authorization": f"Bearer {tokens.issue('https://evil')}", "Host": "evil"}
    async with ask.http.get(APP, headers=headers) as answer:
        assert answer.status == 401
