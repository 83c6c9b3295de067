"""Property 6: the hand that touches infrastructure acts on a call only with the gate's proof for exactly that call."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agents.approval_token import sign
from agents.durable.effects import DurableEffects
from agents.facts import Call
from agents.seams import RetryLaterError
from overwatch_mcp.approval_token import content_hash, refuse_token

KEY = b"0123456789abcdef0123456789abcdef"
CALLS = [
    Call(tool="restart_service", target="demo", region="east"),
    Call(tool="scale_service", target="demo", region="east", replicas=3),
    Call(tool="deploy_container", target="demo", region="east", image="mini-app:2"),
    Call(tool="rollback_revision", target="demo", region="east", revision="demo-east--r1"),
    Call(tool="switch_traffic", target="demo", weights={"east": 0, "west": 100}),
]


def as_the_server_sees_it(call: Call, **expected: object) -> str:
    """What the server hashes: the arguments of the call, the state that it expects, and null for what was not given."""
    arguments = {**call.arguments(), **expected}
    target = arguments.pop("target")
    return content_hash(call.tool, target, {**arguments, "expected_revision": None})


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.tool)
def test_p06_the_gate_s_proof_is_one_that_the_server_takes(clock, call):
    token = sign(KEY, "INC-1.s1:0", call, clock.now() + timedelta(minutes=10))
    assert refuse_token(KEY, token, "INC-1.s1:0", as_the_server_sees_it(call), clock.now()) is None


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.tool)
def test_p06_the_proof_for_one_call_is_none_for_another(clock, call):
    token = sign(KEY, "INC-1.s1:0", call, clock.now() + timedelta(minutes=10))
    for other in CALLS:
        if other != call:
            assert refuse_token(KEY, token, "INC-1.s1:0", as_the_server_sees_it(other), clock.now())
    assert refuse_token(KEY, token, "INC-1.s1:1", as_the_server_sees_it(call), clock.now())


async def carry_out(store, tools, clock, build, path):
    effects = DurableEffects(store=store, tools=tools, clock=clock, approval_key=lambda: path)
    action = build.failover()

    async def nothing_against():
        return None

    await effects.execute(
        action.call, operation="op", incident="INC-1", inverse=action.inverse, holder="INC-1", refuse=nothing_against
    )
    return action.call


async def test_p06_each_write_carries_its_proof(store, tools, clock, build, tmp_path):
    path = tmp_path / "approval.key"
    path.write_bytes(KEY + b"\n")
    call = await carry_out(store, tools, clock, build, path)
    (arguments,) = tools.arguments
    token = arguments["approval_token"]
    assert arguments["expected_weights"] == {"east": 100, "west": 0}
    content = as_the_server_sees_it(call, expected_weights=arguments["expected_weights"])
    assert refuse_token(KEY, token, "op", content, clock.now()) is None
    assert refuse_token(KEY, token, "op", as_the_server_sees_it(call), clock.now())


async def test_p06_without_its_key_nothing_is_sent(store, tools, clock, build, tmp_path):
    with pytest.raises(RetryLaterError, match="can't be read"):
        await carry_out(store, tools, clock, build, tmp_path / "gone.key")
    assert tools.world == []
