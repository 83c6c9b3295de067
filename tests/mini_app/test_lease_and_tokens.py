"""How long the cloud goes on by itself, and which tokens open it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field

from multidict import CIMultiDict

from mini_app.local_azure import tokens as tokens_module
from mini_app.local_azure.control import Lease
from mini_app.local_azure.tokens import LIFETIME, TokenError, Tokens

X = {"x", "https://management.azure.com"}


class Loop:
    """A loop's time that moves when somebody sleeps; `then` happens at the end of each sleep."""

    def __init__(self, monkeypatch, *then) -> None:
        self.now = 0.0
        self.slept = []
        self._then = list(then)
        monkeypatch.setattr("mini_app.local_azure.control.asyncio.get_running_loop", lambda: self)
        monkeypatch.setattr("mini_app.local_azure.control.asyncio.sleep", self._sleep)

    def time(self) -> float:
        return self.now

    async def _sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)
        if self._then:
            self._then.pop(0)()


async def test_a_lease_that_nobody_renews_ends_when_its_time_is_up(monkeypatch):
    loop = Loop(monkeypatch)
    lease = Lease(60)
    assert not lease.over.is_set()
    await lease.watch()
    assert lease.over.is_set()
    assert loop.now == 60


async def test_each_renewal_counts_from_its_own_moment(monkeypatch):
    def renew_late() -> None:
        loop.now -= 10
        lease.renew()

    loop = Loop(monkeypatch, renew_late)
    lease = Lease(60)
    await lease.watch()
    assert loop.slept == [60, 60]
    assert loop.now == 110


@dataclass
class Request:
    """What is asked of a request here; a header that is no UTF-8 arrives with half surrogates."""

    headers: CIMultiDict
    query: dict = field(default_factory=lambda: {"resource": "x"})


def bearer(value: str) -> Request:
    return Request(CIMultiDict({"Authorization": value}))


def identified(value: str) -> Request:
    return Request(CIMultiDict({"X-IDENTITY-HEADER": value}))


def accepts(tokens: Tokens, request: Request) -> bool:
    try:
        tokens.check(request, X)
    except TokenError:
        return False
    return True


def test_only_tokens_that_were_issued_here_open_the_door():
    ours, others = Tokens("tenant"), Tokens("tenant")
    token = ours.issue("https://management.azure.com/")
    assert accepts(ours, bearer(f"Bearer {token}"))
    assert accepts(ours, bearer(f"bearer {token}"))
    assert not accepts(others, bearer(f"Bearer {token}"))
    for wrong in ("", "Bearer", "Bearer ", f"Basic {token}", token, f"Bearer {token}x", f"Bearer {token} ", "Bearer \udcff"):
        assert not accepts(ours, bearer(wrong)), wrong


def test_a_token_ends(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(tokens_module.time, "time", lambda: now[0])
    tokens = Tokens("tenant")
    token = tokens.issue("x")
    now[0] += LIFETIME - 1
    assert accepts(tokens, bearer(f"Bearer {token}"))
    now[0] += 1
    assert not accepts(tokens, bearer(f"Bearer {token}"))


def test_a_token_looks_like_a_jwt_and_no_two_are_alike():
    tokens = Tokens("tenant")
    first, second = tokens.issue("x"), tokens.issue("x")
    assert first != second
    claims = json.loads(base64.urlsafe_b64decode(first.split(".")[1] + "=="))
    assert (claims["aud"], claims["tid"]) == ("x", "tenant")


async def test_the_identity_endpoint_wants_its_header():
    tokens = Tokens("tenant")
    for given in ("", "wrong", "\udcff"):
        assert (await tokens.managed_identity(identified(given))).status == 401
    answer = json.loads((await tokens.managed_identity(identified(tokens.header))).text)
    assert accepts(tokens, bearer(f"Bearer {answer['access_token']}"))


async def test_the_identity_endpoint_wants_to_know_whom_the_token_is_for():
    tokens = Tokens("tenant")
    asked = identified(tokens.header)
    asked.query.clear()
    assert (await tokens.managed_identity(asked)).status == 400
