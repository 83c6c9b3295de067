"""Servers over one journal and one real world, the write tools with arguments that fit it, and what one call of each changes."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path
from typing import Any

from mcp_support import RawServer

IMAGES = ("mini-app:1", "mini-app:2")
WEST, EAST = {"east": 0, "west": 100}, {"east": 100, "west": 0}


class Bench:
    """Servers over one journal and one world, whose effects are counted. `steady` is the one that never dies."""

    def __init__(self, local_azure, folder: Path) -> None:
        self._azure, self._folder = local_azure, folder
        self._config = folder / "mcp.json"
        self._config.write_text(json.dumps(local_azure.config(folder / "operations.db")), encoding="utf-8")
        self._started: list[RawServer] = []
        self.steady = self.start("-m", "overwatch_mcp.azure_mcp_server")
        self._come_up_well()

    def start(self, *arguments: str, **more: str) -> RawServer:
        environment = self._azure.identity | more
        made = RawServer((*arguments, "--config", str(self._config)), environment, self._folder / "server.log")
        self._started.append(made)
        made.hello()
        return made

    def wait_settled(self, region: str = "west") -> None:
        """Wait until the region is not being changed any more: what is lost then was not refused before."""
        deadline = time.monotonic() + 30
        while state(self.steady, region)["provisioning_state"] == "InProgress":
            assert time.monotonic() < deadline, "the region is still being changed"
            time.sleep(0.05)

    def _come_up_well(self) -> None:
        """The world is shared: another test may have left an image in both regions that does not come up."""
        for region in ("east", "west"):
            self.wait_settled(region)
            found = state(self.steady, region)
            if found["image"] not in IMAGES or found["replicas_ready"] < 2:
                wanted = {"target": "demo", "region": region, "operation_id": f"open-{uuid.uuid4().hex[:8]}"}
                call(self.steady, "deploy_container", image=IMAGES[0], **wanted)
                self.wait_settled(region)

    def effects(self) -> dict[str, int]:
        """How often each kind of effect happened so far."""
        totals = self._azure.totals()
        happened = {kind: sum(region[kind] for region in totals.values()) for kind in ("restarts", "revisions")}
        return happened | {"traffic": totals["west"]["traffic"]}

    def fault(self, kind: str, method: str, path: str, **more: Any) -> None:
        """Have ARM strike once."""
        self._azure.fault({"kind": kind, "method": method, "path": path, "times": 1, **more})

    def struck(self) -> int:
        """How many of the faults asked for have struck; those left are taken back."""
        return self._azure.faults_struck()

    def close(self) -> None:
        """Leave the world as others expect it: two replicas, at rest."""
        self.wait_settled()
        self.steady.call(
            "scale_service", {"target": "demo", "region": "west", "replicas": 2, "operation_id": f"close-{uuid.uuid4().hex[:8]}"}
        )
        for server in self._started:
            server.end()


def call(server, tool, **arguments):
    answer = server.call(tool, arguments)
    assert not answer.get("isError"), answer
    return answer["structuredContent"]


def state(server, region="west"):
    return call(server, "get_service_state", target="demo", region=region)


def other_image(server):
    return IMAGES[1] if state(server)["image"] == IMAGES[0] else IMAGES[0]


def restart(server, operation):
    return {"target": "demo", "region": "west"}


def scale(server, operation):
    return {"target": "demo", "region": "west", "replicas": 3 if state(server)["replicas_desired"] == 2 else 2}


def deploy(server, operation):
    return {"target": "demo", "region": "west", "image": other_image(server)}


def roll_back(server, operation):
    """To the newest revision with another image that came up well; where there is none yet, one is made first."""
    if not (others := well_with_another_image(server)):
        first = {"image": other_image(server), "operation_id": f"{operation}-first"}
        call(server, "deploy_container", target="demo", region="west", **first)
        others = well_with_another_image(server)
    return {"target": "demo", "region": "west", "revision": others[0]}


def well_with_another_image(server):
    """The world is shared: what another test deployed there may never have come up."""
    here = state(server)["image"]
    return [
        one["name"]
        for one in revisions(server)
        if one["image"] != here and one["error"] is None and one["provisioning_state"] == "Provisioned"
    ]


def switch(server, operation):
    return {"target": "demo", "weights": WEST if traffic(server) == EAST else EAST}


def undo(server, operation):
    call(server, "switch_traffic", operation_id=f"{operation}-done", **switch(server, operation))
    return {"undoes": f"{operation}-done"}


def revisions(server):
    return call(server, "list_revisions", target="demo", region="west")["revisions"]


def traffic(server):
    return call(server, "get_traffic", target="demo")["weights"]


TOOLS = {
    "restart_service": (restart, {"restarts": 1, "revisions": 0, "traffic": 0}),
    "scale_service": (scale, {"restarts": 0, "revisions": 1, "traffic": 0}),
    "deploy_container": (deploy, {"restarts": 0, "revisions": 1, "traffic": 0}),
    "rollback_revision": (roll_back, {"restarts": 0, "revisions": 1, "traffic": 0}),
    "switch_traffic": (switch, {"restarts": 0, "revisions": 0, "traffic": 2}),
    "undo_operation": (undo, {"restarts": 0, "revisions": 0, "traffic": 2}),
}
"""The arguments of each tool, and what one call of it changes: a switch changes the origins of both regions."""
