"""Property 17: where the state before can't be read, whatever else can, nothing is called."""

from __future__ import annotations

import pytest

from agents.seams import RetryLaterError, ToolBusyError, ToolError, ToolsUnavailableError


async def nothing_against():
    return None


async def execute(effects, build):
    action = build.failover()
    return await effects.execute(
        action.call, operation="INC-1:0", incident="INC-1", inverse=action.inverse, holder="INC-1", refuse=nothing_against
    )


def failing(tools, error):
    honest = tools.read

    async def read(tool, arguments):
        if tool in {"get_traffic", "get_service_state"}:
            raise error
        return await honest(tool, arguments)

    return read


@pytest.mark.parametrize("error", [ToolsUnavailableError("cut off"), ToolBusyError("busy")])
async def test_p17_while_the_state_can_not_be_read_the_delivery_waits(effects, tools, build, error):
    honest = tools.read
    tools.read = failing(tools, error)
    with pytest.raises(RetryLaterError) as waits:
        await execute(effects, build)
    assert waits.value.counted is False
    assert tools.world == []
    tools.read = honest
    assert (await execute(effects, build)).status == "succeeded"


async def test_p17_where_the_server_says_that_it_has_no_such_state_it_is_refused(effects, tools, build):
    tools.read = failing(tools, ToolError("'demo' is not a target"))
    result = await execute(effects, build)
    assert result.status == "refused"
    assert "the state before can't be read" in result.summary
    assert tools.world == []
