"""The local ARM over regions without processes, and a client that holds a token."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient

from mini_app.local_azure.documents import Ids
from mini_app.local_azure.region import Region
from mini_app.local_azure.replicas import Replica, ReplicaPlan

IDS = Ids("sub", "group", "profile", "origins", "tm", "workspace")
APP = f"{IDS.group}/providers/Microsoft.App/containerApps/demo-east"
ORIGINS = f"{IDS.group}/providers/Microsoft.Cdn/profiles/profile/originGroups/origins/origins"
PROFILE = f"{IDS.group}/providers/Microsoft.Network/trafficmanagerprofiles/tm"
AUDIENCE = "https://management.azure.com/"


@dataclass
class Process:
    """What is asked of a process here."""

    returncode: int | None = None
    pid: int = 1


def a_region(name: str = "east") -> Region:
    region = Region(ReplicaPlan(name, "sqlite://", "token", Path(), {}), f"demo-{name}", f"{name}us", 2)
    for number in (1, 2):
        made = datetime(2026, 1, 1, tzinfo=UTC)
        revision = region.revision.name
        region.replicas.append(Replica(f"{revision}-{number}", revision, 1, Process(), made, ready=True))
    return region


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str = field(repr=False)

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The code of an error."""
        return self.body["error"]["code"]

    def path(self, header: str) -> str:
        """The path of an address that a header names."""
        return "/" + self.headers[header].split("/", 3)[3]


class ArmClient:
    """Calls with a token unless another is given."""

    def __init__(self, client: TestClient, bearer: str) -> None:
        self.http = client
        self.bearer = bearer

    async def send(
        self, method: str, path: str, body: bytes | io.BytesIO | None = None, authorization: str | None = None
    ) -> Answer:
        headers = {
            "Authorization": self.bearer if authorization is None else authorization,
            "Content-Type": "application/json; charset=nonsense",
        }
        async with self.http.request(method, path, data=body, headers=headers) as answer:
            return Answer(answer.status, answer.headers, await answer.text())

    async def __call__(
        self, method: str, path: str, body: bytes | io.BytesIO | None = None, authorization: str | None = None
    ) -> tuple[int, Any]:
        """The status and the document."""
        answer = await self.send(method, path, body, authorization)
        return answer.status, answer.body


def template(**content: Any) -> bytes:
    """A PATCH of an app."""
    return properties(template=content)


def scale(**content: Any) -> bytes:
    """A PATCH of an app's scale."""
    return template(scale=content)


def properties(**content: Any) -> bytes:
    """A PATCH of anything's properties."""
    return json.dumps({"properties": content}).encode()
