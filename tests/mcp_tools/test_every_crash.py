"""`kill -9` of the real server at every step of the journal, for every write tool: delivered again and again, one effect.

What happened is counted by the regions and the ingress themselves, not by what the server says.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from mcp_support import RawServer

pytestmark = pytest.mark.processes

DYING = str(Path(__file__).with_name("dying_server.py"))
STEPS = ("before begin", "begin", "issued", "accepted", "before finish", "finish")
WEST, EAST = {"east": 0, "west": 100}, {"east": 100, "west": 0}


class Bench:
    """Servers over one journal and one world, whose effects are counted. `steady` is the one that never dies."""

    def __init__(self, local_azure, folder: Path) -> None:
        self._azure, self._folder = local_azure, folder
        self._config = folder / "mcp.json"
        self._config.write_text(json.dumps(local_azure.config(folder / "operations.db")), encoding="utf-8")
        self._started: list[RawServer] = []
        self.steady = self.start("-m", "overwatch_mcp.azure_mcp_server")

    def start(self, *arguments: str, **more: str) -> RawServer:
        environment = self._azure.identity | more
        made = RawServer((*arguments, "--config", str(self._config)), environment, self._folder / "server.log")
        self._started.append(made)
        made.hello()
        return made

    def effects(self) -> dict[str, int]:
        """How often each kind of effect happened so far."""
        totals = self._azure.totals()
        happened = {kind: sum(region[kind] for region in totals.values()) for kind in ("restarts", "revisions")}
        return happened | {"traffic": totals["west"]["traffic"]}

    def close(self) -> None:
        for server in self._started:
            server.end()


@pytest.fixture(scope="module")
def crash(local_azure, tmp_path_factory):
    made = Bench(local_azure, tmp_path_factory.mktemp("crashes"))
    yield made
    made.close()


@pytest.fixture
def operation():
    return f"crash-{uuid.uuid4().hex[:8]}"


def call(server, tool, **arguments):
    answer = server.call(tool, arguments)
    assert not answer.get("isError"), answer
    return answer["structuredContent"]


def state(server):
    return call(server, "get_service_state", target="demo", region="west")


def other_image(server):
    return "mini-app:2" if state(server)["image"] == "mini-app:1" else "mini-app:1"


def restart(server, operation):
    return {"target": "demo", "region": "west"}


def scale(server, operation):
    return {"target": "demo", "region": "west", "replicas": 3 if state(server)["replicas_desired"] == 2 else 2}


def deploy(server, operation):
    return {"target": "demo", "region": "west", "image": other_image(server)}


def roll_back(server, operation):
    """To the newest revision with another image; where there is none yet, one is made first."""
    here = state(server)["image"]
    if all(one["image"] == here for one in revisions(server)):
        here = other_image(server)
        call(server, "deploy_container", target="demo", region="west", image=here, operation_id=f"{operation}-first")
    back_to = next(one["name"] for one in revisions(server) if one["image"] != here)
    return {"target": "demo", "region": "west", "revision": back_to}


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


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_and_delivered_again_it_happens_once(crash, operation, step, tool):
    prepare, once = TOOLS[tool]
    arguments = prepare(crash.steady, operation)
    dying = crash.start(DYING, DIE_AT=step)
    before = crash.effects()
    with pytest.raises(EOFError):
        call(dying, tool, operation_id=operation, **arguments)
    assert dying.process.wait(10) == -9
    done = call(crash.steady, tool, operation_id=operation, **arguments)
    assert done["status"] == "succeeded", done
    again = call(crash.steady, tool, operation_id=operation, **arguments)
    assert again == done | {"replayed": True}
    after = crash.effects()
    assert {kind: after[kind] - before[kind] for kind in after} == once
