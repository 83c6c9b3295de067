"""The two targets of a campaign: the program's own demo, and a second cloud that the campaign starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from killed_support import answers
from processes import children_of, left_after

START_SECONDS = 90


class Cloud:
    """One local cloud, by the folder in which it wrote down what listens where."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder

    def facts(self) -> dict[str, Any]:
        return json.loads((self.folder / "local_azure.json").read_text())

    def well(self) -> bool:
        """Whether the users and every region are served."""
        try:
            facts = self.facts()
        except (OSError, ValueError):
            return False
        urls = [facts["public_url"], *(region["ingress_url"] for region in facts["regions"].values())]
        return all(answers(f"{url}/api/users?limit=1") for url in urls)

    def counted(self) -> dict[str, Any]:
        """What really happened to the world, counted by the world itself."""
        facts = self.facts()
        return _asked(f"{facts['control_url']}/control/state", facts["control_token"])

    def switches(self) -> int:
        """How often users were moved: each move enables one origin and disables the other."""
        changes, odd = divmod(self.counted()["origin_changes_total"], 2)
        return changes + odd

    def restarts(self) -> int:
        return sum(region["restarts_total"] for region in self.counted()["regions"].values())

    def serving(self) -> str:
        regions = self.counted()["regions"]
        return max(regions, key=lambda name: regions[name]["weight_percent"])

    def inject(self, region: str, fault: str, **parameters: Any) -> None:
        facts = self.facts()
        _asked(f"{facts['regions'][region]['ingress_url']}/admin/{fault}", facts["admin_token"], parameters)


class Shop(Cloud):
    """The second cloud: a process of the campaign's own, which the swarm knows by its configuration alone."""

    def __init__(self, folder: Path) -> None:
        super().__init__("shop", folder)
        options = ("--replicas", "1", "--rps", "5", "--lease-seconds", "7200")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mini_app.local_azure", "--state-dir", str(folder), *options], start_new_session=True
        )
        deadline = time.monotonic() + START_SECONDS
        while not self.well():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the second cloud did not start: read {folder / 'logs'}")
            time.sleep(0.1)

    def environment(self) -> dict[str, str]:
        """The variables that make it a target, and with which the tools log in there."""
        facts = self.facts()
        door = facts["front_door"]
        target = {
            "regions": {
                name: {"url": region["ingress_url"], "probe_path": "/api/users?limit=1"}
                for name, region in facts["regions"].items()
            },
            "public_url": facts["public_url"],
            "public_probe_path": "/api/users?limit=1",
            "public_metrics_url": facts["edge_metrics_url"],
            "platform": {
                "kind": "azure",
                "subscription_id": facts["subscription_id"],
                "resource_group": facts["resource_group"],
                "container_apps": {name: region["container_app"] for name, region in facts["regions"].items()},
                "traffic": {
                    "kind": "front_door",
                    "profile": door["profile"],
                    "origin_group": door["origin_group"],
                    "origins": door["origins"],
                },
                "credential": "service_principal",
                "arm_url": facts["arm_url"],
                "ca_file": facts["ca_file"],
            },
        }
        return {
            "OVERWATCH_TARGETS": json.dumps({"shop": target}),
            "AZURE_TENANT_ID": facts["tenant_id"],
            "AZURE_CLIENT_ID": facts["client_id"],
            "AZURE_CLIENT_SECRET": facts["client_secret"],
            "AZURE_AUTHORITY_HOST": facts["login_url"],
        }

    def end(self) -> None:
        below = children_of(self._process.pid)
        self._process.terminate()
        self._process.wait(20)
        left_after(10, below)


def home_environment(folder: Path, shop: Shop) -> dict[str, str]:
    """The environment of a program that watches both, with little load and a home below `folder`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OVERWATCH_", "AZURE_"))}
    return (
        kept
        | shop.environment()
        | {
            "OVERWATCH_HOME": str(folder / "home"),
            "OVERWATCH_DEMO__ENABLED": "true",
            "OVERWATCH_DEMO__REPLICAS": "1",
            "OVERWATCH_DEMO__RPS": "5",
            "OVERWATCH_POLICY__CONFIRM_BLAST_RADIUS": "1",
        }
    )


def _asked(url: str, token: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as answer:
        return json.load(answer)
