"""One login and one set of connections for a target: what is dear to make and cheap to keep."""

from __future__ import annotations

import ssl
from typing import Any

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline.transport import AioHttpTransport
from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential
from azure.mgmt.appcontainers.aio import ContainerAppsAPIClient
from azure.mgmt.cdn.aio import CdnManagementClient

from overwatch_mcp.config import AzureTarget
from overwatch_mcp.errors import PlatformError

PUBLIC_ARM = "https://management.azure.com"
CONNECT_SECONDS, READ_SECONDS = 5, 20
_RETRIES: dict[str, Any] = {"retry_total": 1, "retry_backoff_factor": 0.2}
"""A read is tried once more; a write never is by the SDK: that is for the operation to decide."""


class AzureClients:
    """The SDK's clients of one target, on connections that they share."""

    def __init__(self, config: AzureTarget) -> None:
        """Must be made in the loop that uses it. Raises PlatformError where `ca_file` can't be used."""
        connector = aiohttp.TCPConnector(ssl=_tls(config), limit=16)
        # Told a CA file, the SDK's own session makes a TLS context, and with it a connection, for each request.
        self._session = aiohttp.ClientSession(
            connector=connector, trust_env=True, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
        )
        self._credential: AsyncTokenCredential = (
            ManagedIdentityCredential(**_RETRIES)
            if config.credential == "managed_identity"
            else DefaultAzureCredential(**_RETRIES)
        )
        url = config.arm_url or PUBLIC_ARM
        transport = AioHttpTransport(
            session=self._session, session_owner=False, connection_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS
        )
        scopes = [f"{url}/.default"]
        self.apps = ContainerAppsAPIClient(
            self._credential,
            config.subscription_id,
            url,
            credential_scopes=scopes,
            transport=transport,
            **_RETRIES,
        )
        self.cdn = CdnManagementClient(
            self._credential,
            config.subscription_id,
            url,
            credential_scopes=scopes,
            transport=transport,
            **_RETRIES,
        )

    async def close(self) -> None:
        """Let connections go."""
        await self.apps.close()
        await self.cdn.close()
        await self._credential.close()
        await self._session.close()


def _tls(config: AzureTarget) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if config.ca_file is None else str(config.ca_file))
    except OSError as error:
        raise PlatformError(f"can't trust ca_file {str(config.ca_file)!r} ({error}): give the certificate of arm_url") from error
