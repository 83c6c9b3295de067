"""Property 7: how an operation ended is known from the log alone; the server is not even asked again."""

from __future__ import annotations

import pytest

from agents.seams import ToolError


async def nothing_against():
    return None


async def execute(effects, build):
    action = build.failover()
    return await effects.execute(
        action.call, operation="INC-1:0", incident="INC-1", inverse=action.inverse, holder="INC-1", refuse=nothing_against
    )


@pytest.mark.parametrize("ended", ["succeeded", "failed"])
async def test_p07_a_finished_operation_gives_its_result_without_a_word_to_the_server(effects, tools, build, ended):
    tools.refuse = "'demo' is not a target" if ended == "failed" else None
    first = await execute(effects, build)
    assert first.status == ended

    async def asked(tool, arguments):
        raise ToolError(f"{tool} was called again")

    tools.read = tools.write = asked
    for _ in range(3):
        again = await execute(effects, build)
        assert (again.status, again.summary, again.via) == (ended, first.summary, "stored")
