"""Replicas of the demo app in this process, and the demo's cloud with real processes."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cloud_support import Cloud, open_cloud
from starlette.testclient import TestClient

from mini_app.backend.app import create_app
from mini_app.backend.settings import ReplicaSettings

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
