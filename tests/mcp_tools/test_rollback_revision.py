"""Going back to an earlier revision: which one it is, when it counts as done, and the way back from there."""

from __future__ import annotations

import pytest

from overwatch_mcp.effect import revision_suffix
from overwatch_mcp.errors import LostError
from overwatch_mcp.journal import Journal


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
async def released(bench):
    """East runs version 2, brought up as `demo-east--<suffix of op-2>`, and was scaled after that."""
    await bench.run("deploy_container", "op-2", region="east", image="mini-app:2")
    bench.clock.advance(60)
    await bench.run("scale_service", "scaled", region="east", replicas=3)
    bench.clock.advance(60)
    return bench


def name_of(operation_id: str) -> str:
    return f"demo-east--{revision_suffix(operation_id)}"


async def test_without_a_name_it_is_the_newest_one_with_another_image(released):
    result = await released.run("rollback_revision", "back", region="east")
    assert result.status == "succeeded", result
    state = await released.platform.service("east")
    assert (state.image, state.revision, state.replicas_ready) == ("mini-app:1", name_of("back"), 3)
    assert result.state_before["back_to"] == "demo-east--first"
    assert result.command == f"az copy east demo-east--first {revision_suffix('back')}"


async def test_the_named_revision_is_copied(released):
    result = await released.run("rollback_revision", "back", region="east", revision=name_of("op-2"))
    assert result.status == "succeeded"
    assert (await released.platform.service("east")).image == "mini-app:2"


async def test_a_revision_that_never_came_up_is_not_gone_back_to(bench):
    await bench.run("deploy_container", "broken", region="east", image="mini-app:404")
    await bench.run("deploy_container", "op-2", region="east", image="mini-app:2")
    result = await bench.run("rollback_revision", "back", region="east")
    assert result.state_before["back_to"] == "demo-east--first"


async def test_rolling_back_and_undoing_it_restores_the_image(released):
    back = await released.run("rollback_revision", "back", region="east")
    assert back.inverse.arguments == {"target": "demo", "region": "east", "revision": name_of("scaled")}
    forth = await released.run("rollback_revision", "forth", region="east", revision=back.inverse.arguments["revision"])
    assert forth.status == "succeeded"
    assert (await released.platform.service("east")).image == "mini-app:2"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"revision": "demo-east--never"}, "is no revision of east: see list_revisions"),
        ({"revision": f"demo-east--{revision_suffix('scaled')}"}, "serves already"),
        ({"expected_revision": "demo-east--other"}, "state changed since"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_the_remedy(released, arguments, words):
    result = await released.run("rollback_revision", "back", region="east", **arguments)
    assert result.status == "refused"
    assert words in result.error
    assert (await released.platform.service("east")).image == "mini-app:2"


async def test_with_no_earlier_revision_nothing_is_done(bench):
    result = await bench.run("rollback_revision", region="east")
    assert result.status == "refused"
    assert "name one with `revision`" in result.error
    assert bench.platform.revisions_made() == 0


async def test_an_earlier_image_that_is_not_allowed_any_more_is_refused(released):
    released.config["targets"]["demo"]["images"] = ["mini-app:2"]
    released.anew()
    result = await released.run("rollback_revision", "back", region="east")
    assert result.status == "refused"
    assert "'mini-app:1' is not allowed" in result.error


async def test_a_repetition_after_a_crash_goes_back_to_the_same_revision(released):
    class Dying(Journal):
        async def begin(self, entry, limit=None):
            await super().begin(entry, limit)
            raise Killed

    released.anew(Dying)
    with pytest.raises(Killed):
        await released.run("rollback_revision", "back", region="east")
    released.platform.known["demo-east--later"] = {"image": "mini-app:9", "min": 2, "at": released.clock.now()}
    released.anew()
    result = await released.run("rollback_revision", "back", region="east")
    assert result.status == "succeeded"
    assert result.state_before["back_to"] == "demo-east--first"
    assert (await released.platform.service("east")).image == "mini-app:1"


async def test_a_lost_answer_makes_one_copy(released):
    made = released.platform.revisions_made()

    def lost() -> None:
        raise LostError("reset")

    released.platform.after["copy"] = [lost]
    assert (await released.run("rollback_revision", "back", region="east")).status == "succeeded"
    assert released.platform.revisions_made() == made + 1
