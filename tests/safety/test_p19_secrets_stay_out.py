"""Property 19: a secret in telemetry never reaches facts, prompts, logs, the screen or what the hand's tools say."""

from __future__ import annotations

import dataclasses
import inspect
import io
import json
import logging
import time

import pytest
from sentry_support import Station

from agents import clean_logs
from agents import redact as ours
from agents.catalogue import load_catalogue
from agents.foundry import prompts
from agents.redact import HIDDEN, redact
from agents.sanitize import clean
from overwatch_mcp import clean_logs as hand_logs
from overwatch_mcp import redact as theirs
from overwatch_mcp.plain_text import plain

JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
KEY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7"
SECRETS = {
    "a bearer token": ("Authorization: Bearer s3cr3t-b34r3r-t0k3n-1", "s3cr3t-b34r3r-t0k3n-1"),
    "a bearer token in small letters": ("sent bearer abcDEF123456.xyz to upstream", "abcDEF123456.xyz"),
    "basic auth": ("authorization=Basic dXNlcjpodW50ZXIy", "dXNlcjpodW50ZXIy"),
    "basic auth without a name": ("> Basic dXNlcjpwYXNz <", "dXNlcjpwYXNz"),
    "an authorization of another kind": ('"authorization": "ApiKey k3y-0f-s0m3-k1nd"', "k3y-0f-s0m3-k1nd"),
    "an authorization without a kind": ("Proxy-Authorization: raw-value-12", "raw-value-12"),
    "a JSON web token": (f"token rejected {JWT} by issuer", JWT.rpartition(".")[2]),
    "a JSON web token in an address": (f"GET /cb?id_token={JWT}&x=1", JWT.split(".")[1]),
    "an AWS access key": ("using AKIAIOSFODNN7EXAMPLE for s3", "AKIAIOSFODNN7EXAMPLE"),
    "an AWS secret": ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI"),
    "a password in an address": ("connect postgresql://shop:hunter2@db:5432/shop failed", "hunter2"),
    "a password with an at sign in an address": ("redis://:p@ss/w0rd@cache:6379".replace("/w0rd", "w0rd"), "p@ssw0rd"),
    "a token in an address": ("clone https://0123456789abcdef0123456789abcdef01234567@git.example.org/x", "0123456789abcdef0123"),
    "a connection string": ("Server=db;User Id=sa;Password=hunter2!;Encrypt=true", "hunter2!"),
    "an Azure storage key": (
        "AccountName=shop;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq==;",
        "Eby8vdM02",
    ),
    "a service bus key": ("SharedAccessKeyName=root;SharedAccessKey=abc/DEF+123=;EntityPath=q", "abc/DEF+123"),
    "a signature of a shared access": ("https://x.blob.core.windows.net/a?sv=1&sig=abc%2Fdef%3D&se=2", "abc%2Fdef"),
    "a client secret": ("AZURE_CLIENT_SECRET=abc~DEF.123-x", "abc~DEF.123-x"),
    "a secret in JSON": ('{"user":"shop","password":"hunter2 with words","n":1}', "hunter2"),
    "a secret in a Python dict": ("{'api_key': 'k-123456', 'n': 1}", "k-123456"),
    "a password after a colon": ("login failed, password: hunter2", "hunter2"),
    "a password right after a colon": ("password:hunter2", "hunter2"),
    "a password of digits": ("PASSWORD=12345678", "12345678"),
    "a private key": (f"-----BEGIN RSA PRIVATE KEY-----\n{KEY}\nAbCd\n-----END RSA PRIVATE KEY-----", KEY),
    "a private key without its end": (f"-----BEGIN PRIVATE KEY-----\n{KEY}\n", KEY),
    "a GitHub token": ("remote: ghp_16C7e42F292c6912E7710c838347Ae178B4a", "ghp_16C7e42F"),
    "a Slack token": ("posting with xoxb-1234567890-abcdefghij", "xoxb-1234567890"),
    "a Slack hook": ("POST https://hooks.slack.com/services/T000/B000/XXXXXXXX", "B000/XXXXXXXX"),
    "a model's key": ("Incorrect API key provided: sk-proj-abcdefghijklmnopqrstuvwx", "sk-proj-abcdefgh"),
    "a payment key": ("key sk_live_4eC39HqLyjWDarjtT1zdp7dc is revoked", "sk_live_4eC39"),
    "a password after a flag": ("ran: registry-login --registry-password hunter2 --verbose", "hunter2"),
    "a session in a cookie": ("request had Cookie: session=4bc123def; lang=en", "4bc123def"),
    "a secret with something invisible in it": ("pass\u200bword=hun\u200bter2", "hunter2"),
    "a secret behind colours": ("\x1b[31mpassword\x1b[0m=\x1b[1mhunter2\x1b[0m", "hunter2"),
}
INNOCENT = (
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12 was deployed",
    "demo-east--r20261123-140211",
    "shop.azurecr.io/shop/token-service:1.4.2",
    "shop.azurecr.io/secret-santa:v2@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "registry:5000/password-reset:2026-11-23",
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/shop/providers/Microsoft.App/containerApps/shop-east",
    "https://shop-east.example.org/healthz?verbose=1",
    "http://127.0.0.1:8080/api/users?limit=1",
    "az containerapp ingress traffic set --name api --revision-weight api-secret--v7=50 credentials-api--v8=50",
    "docker run -e PASSWORD=$DB_PASSWORD -e API_TOKEN=${API_TOKEN} shop:2",
    "auth-token-service: connection refused",
    "give --password first, or --token-file",
    "basic authentication is off, bearer tokens are used",
    "prompt_tokens=512, total_tokens: 1024",
    "token_bucket=true",
    "INC-1.s1v3:0 switch_traffic east 0, west 100",
    "az containerapp update --name shop --resource-group rg --image shop.azurecr.io/shop:2 --min-replicas 3",
    '2026-11-23T14:02:11Z level=warn msg="pool exhausted" in_use=5 size=5',
    "user@example.org could not log in",
    "12:30:01 error at db:5432: too many connections",
)


@pytest.mark.parametrize("door", [clean, plain], ids=["the swarm", "the hand"])
@pytest.mark.parametrize("what", SECRETS)
def test_p19_a_secret_does_not_pass_the_door(door, what):
    text, secret = SECRETS[what]
    for line in (text, f"ERROR 14:02:11 {text}", f"x {text} y", f'"{text}"' if '"' not in text else text):
        said = door(line)
        assert secret not in said
        assert HIDDEN in said
        assert door(said) == said


@pytest.mark.parametrize("text", INNOCENT)
def test_p19_hashes_names_and_addresses_pass_as_they_are(text):
    assert clean(text) == plain(text) == redact(text) == text


def test_p19_a_secret_at_the_end_of_what_is_shown_is_not_shown_by_half():
    for length in range(60, 140):
        assert "hunter" not in clean("x" * 70 + " password=hunter2hunter2hunter2 " + "y" * 200, length)


def test_p19_both_doors_know_the_same_secrets():
    assert inspect.getsource(ours) == inspect.getsource(theirs)


LONG = {
    "signs": "=" * 4_000,
    "names": "password" * 500,
    "pairs": "a:" * 2_000,
    "keys": "-----BEGIN PRIVATE KEY-----" * 140,
    "tokens": "eyJ" + "a." * 1_900,
    "an address": "http://" + "a" * 3_900,
    "spaces": "password" + " " * 3_900,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_p19_no_line_takes_long_to_look_through(text):
    start = time.perf_counter()
    redact(text)
    assert time.perf_counter() - start < 1


async def test_p19_secrets_in_what_a_target_says_reach_no_fact_no_prompt_and_no_screen():
    station = Station()
    honest = station.world.get

    async def leaking(url, **more):
        asked = await honest(url, **more)
        if "/health" not in url:
            return asked
        checks = {
            f"database{n}:x": [{"status": "fail", "output": text, "observedUnit": secret, "observedValue": 1}]
            for n, (text, secret) in enumerate(SECRETS.values())
        }
        body = json.dumps({"status": "fail", "version": "password=hunter2", "checks": checks})
        return dataclasses.replace(asked, body=body, content_type="application/health+json", region="token=abc123def")

    station.world.get = leaking
    async with station:
        assert await station.until("incident.opened") is not None
        incident = await station.store.unresolved("demo")
    asked = prompts.diagnosis(incident, sorted(load_catalogue().faults), load_catalogue())
    everything = incident.model_dump_json() + json.dumps(asked) + repr(station.telemetry.items)
    for text, secret in SECRETS.values():
        if len(secret) > 12:  # shorter ones are in texts that innocently hold them
            assert secret not in everything, text
    assert "hunter2" not in everything
    assert HIDDEN in everything


@pytest.mark.parametrize("cleaned", [clean_logs, hand_logs], ids=["the swarm", "the hand"])
def test_p19_secrets_in_errors_and_tracebacks_reach_no_log(cleaned):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        cleaned.take_secrets_out()
        cleaned.take_secrets_out()
        try:
            raise OSError(f"can't connect to postgresql://shop:hunter2@db/shop with {JWT}")
        except OSError:
            logging.getLogger("some.library").exception("the token=abc123def failed")
    finally:
        root.removeHandler(handler)
    said = stream.getvalue()
    assert "Traceback" in said
    assert said.count(HIDDEN) >= 3
    assert not any(secret in said for secret in ("hunter2", JWT.split(".")[1], "abc123def"))
