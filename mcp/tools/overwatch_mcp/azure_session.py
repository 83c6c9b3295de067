"""One login and one set of connections for a target: what is dear to make and cheap to keep."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterable, Callable
from typing import Any, TypeVar

import aiohttp
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncRetryPolicy, SansIOHTTPPolicy
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.mgmt.appcontainers.aio import ContainerAppsAPIClient

from overwatch_mcp.azure_continuation import is_of
from overwatch_mcp.azure_credential import make_credential
from overwatch_mcp.azure_errors import retry_after
from overwatch_mcp.config import AzureTarget
from overwatch_mcp.errors import LostError, PlatformError
from overwatch_mcp.plain_text import plain

PUBLIC_ARM = "https://management.azure.com"
CONNECT_SECONDS, READ_SECONDS = 5, 20
LONGEST_RETRY_AFTER = 3.0
"""How long a read waits for a throttling platform before it says so; whoever asked can do better than to be kept waiting."""

LIST_SECONDS = 60.0
MOST_LISTED = 1_000
"""A list of pages has no end where its last page leads to its first."""

ACCEPT_ONLY: dict[str, Any] = {"polling": False, "retry_total": 0}
"""For a write: it returns when it was accepted; nothing but the operation itself may send it twice."""

Client = TypeVar("Client")
Item = TypeVar("Item")


class BoundedRetry(AsyncRetryPolicy[Any, Any]):
    """Tries a read once more; a write never is by the SDK, as each passes `retry_total=0`: that is for the operation to decide.

    The SDK's own waits for as long as Retry-After says, be it an hour.
    """

    def __init__(self) -> None:
        super().__init__(retry_total=1, retry_backoff_factor=0.2)

    def is_retry(self, settings: dict[str, Any], response: PipelineResponse[Any, Any]) -> bool:
        """Whether to try again; not where the platform asks for a long pause, or for one that can't be read."""
        headers = response.http_response.headers
        wait = retry_after(headers)
        if wait is None and headers.get("Retry-After"):
            return False
        return (wait is None or wait <= LONGEST_RETRY_AFTER) and super().is_retry(settings, response)


class OnlyTo(SansIOHTTPPolicy[Any, Any]):
    """Refuses to send anything elsewhere: the SDK follows redirects and links to next pages, and the token goes with it."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Called before each try, ahead of the login. What was answered with such an address may have been done."""
        if not is_of(request.http_request.url, self._url):
            raise LostError(f"{self._url!r} leads to {plain(request.http_request.url, 100)!r}: nothing is sent there")


async def listed(pages: AsyncIterable[Item]) -> list[Item]:
    """Everything in a list of pages. Raises TimeoutError or ValueError where there is no end to it."""
    found: list[Item] = []
    async with asyncio.timeout(LIST_SECONDS):
        async for one in pages:
            if len(found) >= MOST_LISTED:
                raise ValueError(f"it lists more than {MOST_LISTED}")
            found.append(one)
    return found


class AzureSession:
    """What the SDK's clients of one target share."""

    def __init__(self, config: AzureTarget) -> None:
        """Must be made in the loop that uses it. Raises PlatformError where `ca_file` or the credential can't be used."""
        tls = _tls(config)
        self.url = config.arm_url or PUBLIC_ARM
        self.credential = make_credential(config, os.environ)
        # Told a CA file, the SDK's own session makes a TLS context, and with it a connection, for each request.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, limit=16),
            trust_env=True,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self.transport = AioHttpTransport(
            session=self._session, session_owner=False, connection_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS
        )
        self._subscription = config.subscription_id
        self._closing: list[Any] = []
        self.apps = self.management(ContainerAppsAPIClient)

    def management(self, kind: Callable[..., Client]) -> Client:
        """A management client of the SDK, on the shared login and connections."""
        made = kind(
            self.credential,
            self._subscription,
            self.url,
            credential_scopes=[f"{self.url}/.default"],
            transport=self.transport,
            retry_policy=BoundedRetry(),
            per_retry_policies=[OnlyTo(self.url)],
        )
        return self.closing(made)

    def closing(self, client: Client) -> Client:
        """The client, which is closed with the session."""
        self._closing.append(client)
        return client

    async def ask(self, request: HttpRequest, **options: Any) -> AsyncHttpResponse:
        """Send what the SDK has no method for through its own pipeline; what it answers may be an error."""
        return await self.apps.send_request(request, **options)

    async def close(self) -> None:
        """Let connections go."""
        for client in self._closing:
            await client.close()
        await self.credential.close()
        await self._session.close()


def _tls(config: AzureTarget) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if config.ca_file is None else str(config.ca_file))
    except OSError as error:
        raise PlatformError(f"can't trust ca_file {str(config.ca_file)!r} ({error}): give the certificate of arm_url") from error
