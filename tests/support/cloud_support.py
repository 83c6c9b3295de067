"""The demo's cloud, started as the process that it is and reached over its interfaces."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

ROOT = Path(__file__).parents[2]


def eventually(holds: Callable[[], Any], seconds: float = 15) -> Any:
    """What `holds` answers once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)
    return found


@dataclass
class Cloud:
    """The demo's cloud as a process, and its interfaces."""

    folder: Path
    process: subprocess.Popen[bytes]
    http: httpx2.Client
    facts: dict[str, Any] = field(default_factory=dict)
    arm_headers: dict[str, str] = field(default_factory=dict)

    def wait_ready(self) -> Cloud:
        def ready() -> bool:
            assert self.process.poll() is None, "it ended before it was ready"
            return (self.folder / "local_azure.json").exists()

        eventually(ready, 40)
        self.facts = json.loads((self.folder / "local_azure.json").read_text(encoding="utf-8"))
        token = self.http.get(
            self.facts["msi_endpoint"],
            params={"resource": "https://management.azure.com/"},
            headers={"x-identity-header": self.facts["msi_header"]},
        ).json()["access_token"]
        self.arm_headers = {"authorization": f"Bearer {token}"}
        return self

    def control(self, method: str, path: str, body: Any = None) -> httpx2.Response:
        facts = self.facts
        headers = {"authorization": f"Bearer {facts['control_token']}"}
        return self.http.request(method, f"{facts['control_url']}/control/{path}", json=body, headers=headers)

    def uptime(self) -> float:
        """Seconds that the first region has been up, by its own clock."""
        return float(self.http.get(f"{self.ingress('east')}/status").json()["uptime_s"])

    def region(self, name: str) -> dict[str, Any]:
        return self.control("GET", "state").json()["regions"][name]

    def pids(self, name: str) -> list[int]:
        return [r["pid"] for r in self.region(name)["replicas"] if r["alive"]]

    def app_path(self, region: str) -> str:
        facts = self.facts
        group = f"/subscriptions/{facts['subscription_id']}/resourceGroups/{facts['resource_group']}"
        return f"{group}/providers/Microsoft.App/containerApps/{facts['regions'][region]['container_app']}"

    def origin_path(self, region: str) -> str:
        facts = self.facts
        group = f"/subscriptions/{facts['subscription_id']}/resourceGroups/{facts['resource_group']}"
        door = facts["front_door"]
        return f"{group}/providers/Microsoft.Cdn/profiles/{door['profile']}/originGroups/{door['origin_group']}/origins/{region}"

    def arm(self, method: str, path: str, **more: Any) -> httpx2.Response:
        headers = {**self.arm_headers, **more.pop("headers", {})}
        return self.http.request(method, f"{self.facts['arm_url']}{path}", headers=headers, **more)

    def patch(self, region: str, template: Any) -> httpx2.Response:
        return self.arm("PATCH", self.app_path(region), json={"properties": {"template": template}})

    def settled(self, region: str) -> dict[str, Any]:
        """The container app, once nothing changes it."""
        path = self.app_path(region)

        def done() -> Any:
            properties = self.arm("GET", path).json()["properties"]
            return properties if properties["provisioningState"] != "InProgress" else None

        return eventually(done, 30)

    def ingress(self, region: str) -> str:
        return self.facts["regions"][region]["ingress_url"]

    def end(self) -> None:
        self.http.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)


def open_cloud(folder: Path, *options: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> Cloud:
    """Start a cloud; TLS is checked by the tests of the MCP server, against its own certificate."""
    command = [sys.executable, "-m", "mini_app.local_azure", "--state-dir", str(folder), *options]
    null = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=cwd, env=env, stdin=null, stdout=null, stderr=null)
    return Cloud(folder, process, httpx2.Client(verify=False, trust_env=False, timeout=10))
