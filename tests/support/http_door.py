"""The MCP server's HTTP door in this process, on a real socket, over whatever workshop a test hands in."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from pathlib import Path

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from overwatch_mcp.azure_mcp_server import build_server
from overwatch_mcp.http_options import HttpOptions
from overwatch_mcp.http_server import serve_http

TOKEN = "t0ken-" + "x" * 40
HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


def message(method: str, number: int | None = 1, **params):
    """A request of the newest revision, as one POST carries it, and the headers that go with it."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    }
    body = {"jsonrpc": "2.0", "method": method, "params": {**params, "_meta": meta}}
    headers = HEADERS | {"mcp-protocol-version": "2026-07-28", "mcp-method": method}
    if "name" in params:
        headers["mcp-name"] = params["name"]
    if "uri" in params:
        headers["mcp-name"] = params["uri"]
    return (body if number is None else body | {"id": number}), headers


class HttpDoor:
    """One served door. `post` and `get` speak plain HTTP, `client` is the SDK's."""

    def __init__(self, workshop, options: HttpOptions, caplog) -> None:
        self._caplog = caplog
        self._options = options
        self.task = asyncio.create_task(serve_http(build_server(workshop, lambda: None), workshop, options))
        self.port = 0

    async def opened(self) -> HttpDoor:
        """Once it answers. Then its signal handlers are in place, too."""
        async with asyncio.timeout(10):
            while not self.port:
                if self.task.done():
                    await self.task
                found = re.findall(r"serving https?://\S+:(\d+)/mcp", self._caplog.text)
                self.port = int(found[-1]) if found else 0
                await asyncio.sleep(0.005)
            while (await self.get("/health")).status_code != 200:
                await asyncio.sleep(0.005)
        return self

    @property
    def origin(self) -> str:
        scheme = "http" if self._options.certificate is None else "https"
        return f"{scheme}://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/mcp"

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
            return await client.get(self.origin + path, headers=headers)

    async def post(self, body, headers, token: str | None = TOKEN) -> httpx2.Response:
        given = headers if token is None else headers | {"authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
            if isinstance(body, bytes):
                return await client.post(self.url, content=body, headers=given)
            return await client.post(self.url, json=body, headers=given)

    async def ask(self, method: str, token: str | None = TOKEN, **params) -> httpx2.Response:
        return await self.post(*message(method, **params), token=token)

    @contextlib.asynccontextmanager
    async def client(self, mode: str = "auto", token: str = TOKEN):
        """The SDK's client; it has to be entered and left by one task."""
        headers = {"authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=30, trust_env=False, verify=False) as http,
            Client(streamable_http_client(self.url, http_client=http), mode=mode) as client,
        ):
            yield client

    async def end(self) -> None:
        """End it as an operator does, by a signal."""
        if not self.task.done():
            os.kill(os.getpid(), signal.SIGTERM)
        await self.task


@contextlib.asynccontextmanager
async def http_door(workshop, caplog, folder: Path, **changes):
    """A door with the test's token, unless `changes` say otherwise; ended with the block."""
    caplog.set_level("INFO")
    if "issuer" not in changes and "token_file" not in changes:
        path = folder / "token"
        path.write_text(TOKEN)
        path.chmod(0o600)
        changes["token_file"] = path
    door = await HttpDoor(workshop, HttpOptions(port=0, **changes), caplog).opened()
    try:
        yield door
    finally:
        await door.end()
