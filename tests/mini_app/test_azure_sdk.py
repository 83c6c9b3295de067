"""The Azure SDK's own clients against the local ARM, over TLS: logins, long-running operations, and continuation tokens."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from arm_support import IDS
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.pipeline.transport import AioHttpTransport
from azure.identity.aio import ClientAssertionCredential, ClientSecretCredential
from azure.mgmt.appcontainers.aio import ContainerAppsAPIClient
from azure.mgmt.appcontainers.models import ContainerApp
from azure.mgmt.cdn.aio import CdnManagementClient
from azure.mgmt.cdn.models import AFDOriginUpdateParameters

from mini_app.local_azure import certificate, operations
from mini_app.local_azure import replicas as processes
from mini_app.local_azure.arm import Arm
from mini_app.local_azure.arm_faults import FaultSpec
from mini_app.local_azure.entra import Entra
from mini_app.local_azure.replicas import free_socket
from mini_app.local_azure.tokens import Tokens

TENANT = "11111111-1111-1111-1111-111111111111"
WEST = ("group", "profile", "origins", "west")


class World:
    """The local ARM, and SDK clients that trust it."""

    def __init__(self, url: str, transport: AioHttpTransport, entra: Entra) -> None:
        self.url = url
        self._more = {"transport": transport, "retry_total": 0, "polling_interval": 0}
        self._login = {**self._more, "authority": url, "disable_instance_discovery": True}
        self.entra = entra
        self.credential = self.with_secret(entra.client_secret)

    def with_secret(self, secret: str) -> ClientSecretCredential:
        return ClientSecretCredential(TENANT, "client", secret, **self._login)

    def with_assertion(self, assertion: str) -> ClientAssertionCredential:
        return ClientAssertionCredential(TENANT, "client", lambda: assertion, **self._login)

    def apps(self, credential=None) -> ContainerAppsAPIClient:
        scopes = [f"{self.url}/.default"]
        return ContainerAppsAPIClient(credential or self.credential, "sub", self.url, credential_scopes=scopes, **self._more)

    def cdn(self) -> CdnManagementClient:
        return CdnManagementClient(self.credential, "sub", self.url, credential_scopes=[f"{self.url}/.default"], **self._more)


@pytest.fixture
async def world(region, door, faults, tmp_path, monkeypatch) -> AsyncIterator[World]:
    monkeypatch.setattr(operations, "RETRY_AFTER", "0")
    monkeypatch.setattr(region, "scale", lambda wanted: asyncio.sleep(0))
    bound = free_socket()
    url = f"https://127.0.0.1:{bound.getsockname()[1]}"
    tokens = Tokens(TENANT, "client")
    entra = Entra(TENANT, "client", tokens)
    tls, ca_file = certificate.make(tmp_path)
    arm = Arm({"east": region}, door, IDS, tokens, entra, tmp_path, faults, frozenset({url}))
    server = TestServer(arm.app(), scheme="https", socket_factory=lambda *_: bound)
    await server.start_server(ssl=tls)
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(ca_file)))
    try:
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
            yield World(url, AioHttpTransport(session=session, session_owner=False), entra)
    finally:
        await server.close()


async def test_the_service_principal_logs_in_and_reads(world):
    app = await world.apps().container_apps.get("group", "demo-east")
    assert (app.name, app.template.containers[0].image) == ("demo-east", "mini-app:1")
    assert [r.name async for r in world.apps().container_apps_revisions.list_revisions("group", "demo-east")] == ["demo-east--r1"]


async def test_a_workload_identity_logs_in_with_its_federated_token(world):
    apps = world.apps(world.with_assertion(world.entra.federated_token))
    assert (await apps.container_apps.get("group", "demo-east")).name == "demo-east"
    with pytest.raises(ClientAuthenticationError, match="AADSTS700213"):
        await world.apps(world.with_assertion("x")).container_apps.get("group", "demo-east")


async def test_a_wrong_secret_is_told_as_what_it_is(world):
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        await world.apps(world.with_secret("wrong")).container_apps.get("group", "demo-east")


async def test_an_update_is_polled_to_its_end(world, region):
    change = ContainerApp({"properties": {"template": {"scale": {"maxReplicas": 9}}}})
    poller = await world.apps().container_apps.begin_update("group", "demo-east", change)
    app = await poller.result()
    assert (poller.status(), app.template.scale.max_replicas, region.changing) == ("Succeeded", 9, None)


async def test_an_app_is_stopped_and_the_result_is_the_app(world, monkeypatch, region):
    monkeypatch.setattr(processes, "end", lambda replica: asyncio.sleep(0))
    app = await (await world.apps().container_apps.begin_stop("group", "demo-east")).result()
    assert (app.name, app.running_status, region.running) == ("demo-east", "Stopped", False)


async def test_an_update_that_fails_raises_with_azures_code(world):
    change = ContainerApp({"properties": {"template": {"revisionSuffix": "r1", "scale": {"minReplicas": 4}}}})
    poller = await world.apps().container_apps.begin_update("group", "demo-east", change)
    with pytest.raises(HttpResponseError, match="revision with suffix r1 already exists") as failed:
        await poller.result()
    assert failed.value.error.code == "ContainerAppOperationError"


async def test_another_client_goes_on_with_a_continuation_token(world, faults, door):
    faults.add(FaultSpec(method="PATCH", kind="slow", seconds=0.01))
    change = AFDOriginUpdateParameters({"properties": {"enabledState": "Enabled"}})
    poller = await world.cdn().afd_origins.begin_update(*WEST, change)
    token = poller.continuation_token()
    again = await world.cdn().afd_origins.begin_update(*WEST, change, continuation_token=token)
    assert (await again.result()).enabled_state == "Enabled"
    assert door.changes_total == 1


async def test_an_origin_is_updated_at_once_where_nothing_is_slow(world, door):
    change = AFDOriginUpdateParameters({"properties": {"enabledState": "Enabled", "weight": 7}})
    origin = await (await world.cdn().afd_origins.begin_update(*WEST, change)).result()
    assert (origin.weight, door.origins["west"].weight) == (7, 7)
