"""Pictures for the documentation."""

from __future__ import annotations

from overwatch_tui.picture import newest, render_svg
from tests.overwatch_tui import story
from tests.overwatch_tui.story import Teller


def test_a_stored_state_becomes_a_picture_of_its_own_time():
    teller = Teller().up(history=story.told(*story.RESOLVED)).samples(count=3)
    assert newest(teller.store.state) == story.at(20.5)
    svg = render_svg(teller.store, (100, 30), "dark")
    assert svg.startswith("<svg")
    assert "14:02:10Z" in svg
    assert "served&#160;by&#160;east" in svg
