"""ARM itself goes wrong under the real server: busy, throttled, answers lost, operations slow. Every write has one effect."""

from __future__ import annotations

import uuid

import pytest
from effects_support import TOOLS, Bench, call
from long_support import LONG

pytestmark = pytest.mark.processes

CALLS = {
    "restart_service": ("POST", "/restart"),
    "scale_service": ("PATCH", "containerApps/demo-west"),
    "deploy_container": ("PATCH", "containerApps/demo-west"),
    "rollback_revision": ("PATCH", "containerApps/demo-west"),
    "switch_traffic": ("PATCH", "/origins/"),
    "undo_operation": ("PATCH", "/origins/"),
}
"""The call of ARM that each tool acts with."""

KINDS = {
    "conflict": {},
    "throttle": {"retry_after": 1},
    "lose_after": {},
    "lose_before": {},
    "error": {"status": 503},
    "slow": {"seconds": 2},
}
QUICK = {"conflict", "lose_after"}
CASES = [
    (kind, tool)
    for kind in KINDS
    for tool in TOOLS
    # Whether a restart happened whose request was cut off can't be told, so it is never repeated: see test_operations.
    if not (tool == "restart_service" and kind in {"lose_before", "error"})
    if not (tool == "undo_operation" and kind not in {"lose_after", "conflict"})
]


@pytest.fixture(scope="module")
def azure(local_azure, tmp_path_factory):
    made = Bench(local_azure, tmp_path_factory.mktemp("faults"))
    yield made
    made.close()


@pytest.mark.parametrize(("kind", "tool"), [case if case[0] in QUICK else pytest.param(*case, marks=LONG) for case in CASES])
def test_whatever_arm_does_once_the_write_has_one_effect(azure, kind, tool):
    operation = f"fault-{uuid.uuid4().hex[:8]}"
    prepare, once = TOOLS[tool]
    arguments = prepare(azure.steady, operation)
    azure.wait_settled()
    before = azure.effects()
    azure.fault(kind, *CALLS[tool], **KINDS[kind])
    done = call(azure.steady, tool, operation_id=operation, **arguments)
    assert azure.struck() == 1
    assert done["status"] == "succeeded", done["summary"]
    assert call(azure.steady, tool, operation_id=operation, **arguments) == done | {"replayed": True}
    after = azure.effects()
    assert {name: after[name] - before[name] for name in after} == once
