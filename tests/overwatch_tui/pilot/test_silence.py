"""A swarm that falls silent is said, and it is said again when it speaks; a room that does not listen says nothing."""

from __future__ import annotations

import pytest

from tests.overwatch_tui import story


@pytest.mark.parametrize("listening", [True, False])
async def test_p20_no_word_from_the_swarm_is_shown_and_goes_away_with_the_next_word(room, listening):
    async with room() as shown:
        shown.app.listening = listening
        await shown.until(lambda: shown.app.state.swarm is not None and shown.app.state.host.phase == "running")
        shown.app.buffer.publish(story.swarm_state(1))
        await shown.until(lambda: shown.app.state.swarm == story.swarm_state(1))
        shown.clock.forward(9)
        shown.app._second()
        await shown.pilot.pause()
        assert "NO WORD" not in shown.text()
        shown.clock.forward(3)
        shown.app._second()
        await shown.pilot.pause()
        assert ("NO WORD  from the swarm for 12 s" in shown.text()) is listening
        shown.app.buffer.publish(story.swarm_state(2))
        await shown.until(lambda: shown.app.state.swarm == story.swarm_state(2))
        assert "NO WORD" not in shown.text()
