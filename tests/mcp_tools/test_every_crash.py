"""`kill -9` of the real server at every step of the journal, for every write tool: delivered again and again, one effect.

What happened is counted by the regions and the ingress themselves, not by what the server says.
"""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from effects_support import TOOLS, Bench, call
from long_support import LONG

pytestmark = pytest.mark.processes

DYING = str(Path(__file__).with_name("dying_server.py"))
QUICK = {"restart_service", "scale_service"}
STEPS = ("before begin", "begin", "issued", "accepted", "before finish", "finish")


@pytest.fixture(scope="module")
def crash(local_azure, tmp_path_factory):
    made = Bench(local_azure, tmp_path_factory.mktemp("crashes"))
    yield made
    made.close()


@pytest.fixture
def operation():
    return f"crash-{uuid.uuid4().hex[:8]}"


@pytest.mark.parametrize("tool", [tool if tool in QUICK else pytest.param(tool, marks=LONG) for tool in TOOLS])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_and_delivered_again_it_happens_once(crash, operation, step, tool):
    prepare, once = TOOLS[tool]
    arguments = prepare(crash.steady, operation)
    dying = crash.start(DYING, DIE_AT=step)
    crash.wait_settled()
    before = crash.effects()
    with pytest.raises(EOFError):
        call(dying, tool, operation_id=operation, **arguments)
    assert dying.process.wait(10) == -9
    done = call(crash.steady, tool, operation_id=operation, **arguments)
    assert done["status"] == "succeeded", done["summary"]
    again = call(crash.steady, tool, operation_id=operation, **arguments)
    assert again == done | {"replayed": True}
    after = crash.effects()
    assert {kind: after[kind] - before[kind] for kind in after} == once
