"""Replicas of the demo app in this process, the local ARM without processes, and the demo's cloud with real ones."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient as HttpClient
from aiohttp.test_utils import TestServer
from arm_support import AUDIENCE, IDS, ArmClient, a_region
from cloud_support import Cloud, open_cloud
from starlette.testclient import TestClient

from mini_app.backend.app import create_app
from mini_app.backend.settings import ReplicaSettings
from mini_app.local_azure.arm import Arm
from mini_app.local_azure.arm_faults import ArmFaults
from mini_app.local_azure.entra import Entra
from mini_app.local_azure.front_door import FrontDoor, Origin
from mini_app.local_azure.region import Region
from mini_app.local_azure.tokens import Tokens

TOKEN = "let-me-break-it"


@pytest.fixture
def replica(tmp_path, clock) -> Iterator[Callable[..., TestClient]]:
    """Starts replicas that share one database and the clock that stands still; a new one is also what a restart leaves."""
    entered = contextlib.ExitStack()

    def start(region: str = "east", name: str = "replica-1", token: str = TOKEN, **more: Any) -> TestClient:
        database = more.pop("database_url", f"sqlite:///{tmp_path / 'demo.db'}")
        settings = ReplicaSettings(region=region, replica=name, database_url=database, admin_token=token, **more)
        app = create_app(settings, rng=random.Random(7), now=clock.now)
        client = TestClient(app, raise_server_exceptions=False, follow_redirects=False)
        return entered.enter_context(client)

    with entered:
        yield start


@pytest.fixture
def client(replica) -> TestClient:
    return replica()


@pytest.fixture
def admin() -> dict[str, str]:
    return {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def cloud_in() -> Iterator[Callable[..., Cloud]]:
    """Starts clouds with the fewest processes; ends whatever is left of them."""
    opened: list[Cloud] = []

    def start(folder: Path, *options: str) -> Cloud:
        opened.append(open_cloud(folder, "--replicas", "1", "--rps", "0", *options))
        return opened[-1]

    yield start
    for cloud in opened:
        cloud.end()


@pytest.fixture
def region() -> Region:
    return a_region()


@pytest.fixture
def door() -> FrontDoor:
    return FrontDoor({"east": Origin("east", enabled=True), "west": Origin("west", enabled=False)})


@pytest.fixture
def tokens() -> Tokens:
    return Tokens("tenant", "client")


@pytest.fixture
def entra(tokens) -> Entra:
    return Entra("tenant", "client", tokens)


@pytest.fixture
def faults() -> ArmFaults:
    return ArmFaults()


@pytest.fixture
async def ask(region, door, tokens, entra, faults, tmp_path) -> AsyncIterator[ArmClient]:
    arm = Arm({"east": region}, door, IDS, tokens, entra, tmp_path, faults, frozenset({"https://own"}))
    async with HttpClient(TestServer(arm.app())) as client:
        yield ArmClient(client, f"Bearer {tokens.issue(AUDIENCE)}")
