"""A proxy in the environment never stands between the server and this machine."""

from __future__ import annotations

import urllib.request

import pytest

from overwatch_mcp.loopback import spare_loopback


@pytest.mark.parametrize("given", [{}, {"NO_PROXY": "a.example"}, {"no_proxy": "a.example", "NO_PROXY": "b.example"}])
def test_loopback_is_spared_and_what_was_spared_before_stays(given, monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    environment = dict(given) | {"http_proxy": "http://proxy.example:1"}
    spare_loopback(environment)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert urllib.request.proxy_bypass("127.0.0.1:80")
    assert urllib.request.proxy_bypass("localhost")
    assert not urllib.request.proxy_bypass("c.example")
    assert bool(urllib.request.proxy_bypass("a.example")) is bool(given)
