"""Where the MCP server is: a process to start, or an address to reach. Either gives one connected client."""

from __future__ import annotations

import asyncio
import importlib
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 60.0
"""A server that works on a call gives a sign of life every 15 s."""
LONGEST_TOKEN = 4096


class ToolServer(Protocol):
    """Where the tools come from."""

    def connected(self) -> AbstractAsyncContextManager[Any]:
        """The SDK's client, connected. Raises whatever went wrong."""
        ...

    def away(self, why: str) -> str:
        """What a person is told while it is away."""
        ...


class ServerRefusedError(Exception):
    """The server answered, and refused; the text says why, and the remedy."""


@dataclass(frozen=True, slots=True)
class ServerCommand:
    """How the MCP server is started: argument list and environment, and the file that takes its stderr."""

    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path

    def away(self, why: str) -> str:
        """Where to read on."""
        return f"the MCP server went away ({why}); its log is {self.log}"

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Any]:
        """Start it and shake hands; it ends with the block."""
        await asyncio.to_thread(importlib.import_module, "mcp.client.stdio")
        from mcp.client import Client  # noqa: PLC0415 - a second of imports, done in a thread after the first paint
        from mcp.client.stdio import StdioServerParameters, stdio_client  # noqa: PLC0415

        command, *arguments = self.command
        parameters = StdioServerParameters(command=command, args=arguments, env=dict(self.environment))
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a", encoding="utf-8") as log:
            async with Client(stdio_client(parameters, errlog=log)) as client:
                yield client


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where an MCP server runs already: its URL, the file with its bearer token, and the certificate to trust, if its own."""

    url: str
    token_file: Path
    ca_file: Path | None = None

    def away(self, why: str) -> str:
        """Who does not answer."""
        return f"the MCP server at {self.url} is away ({why})"

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Any]:
        """Connect with the token as the file holds it now."""
        await asyncio.to_thread(importlib.import_module, "mcp.client.streamable_http")
        import httpx2  # noqa: PLC0415 - comes with the SDK
        from mcp.client import Client  # noqa: PLC0415
        from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415

        async def look(answer: httpx2.Response) -> None:
            if (refusal := self._refusal(answer.status_code)) is not None:
                raise ServerRefusedError(refusal)

        token = await asyncio.to_thread(self._token)
        trusted = await asyncio.to_thread(self._trusted)
        async with (
            httpx2.AsyncClient(
                headers={"authorization": f"Bearer {token}"},
                timeout=httpx2.Timeout(CONNECT_SECONDS, read=SILENCE_SECONDS),
                verify=trusted,
                trust_env=self.url.startswith("https:"),  # a proxy would read a token that is not encrypted
                event_hooks={"response": [look]},
            ) as http,
            Client(streamable_http_client(self.url, http_client=http)) as client,
        ):
            yield client

    def _token(self) -> str:
        try:
            with self.token_file.open("rb") as file:
                token = file.read(LONGEST_TOKEN + 1).decode("ascii", "replace").strip()
        except OSError as error:
            raise ServerRefusedError(f"can't read its token file {str(self.token_file)!r}: {error.strerror}") from error
        if not token or len(token) > LONGEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
            raise ServerRefusedError(f"its token file {str(self.token_file)!r} holds no token: copy the server's into it")
        return token

    def _trusted(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ServerRefusedError(f"can't use the certificate {str(self.ca_file)!r}: {error}") from error

    def _refusal(self, status: int) -> str | None:
        """Answers that are not the protocol's own: 400 and 404 are, they carry its errors."""
        match status:
            case 401:
                return f"it refused the token of {str(self.token_file)!r}: put the server's own token there"
            case 403:
                return f"it refused what the token of {str(self.token_file)!r} may do: the token needs its scopes"
            case 421:
                return "it does not know itself by that name: start it with --allow-host for the host of its URL"
            case 429 | 503:
                return f"it is busy, or ending ({status})"
            case _:
                return None
