"""What the line about users says."""

from __future__ import annotations

import pytest

from agents.telemetry import UsersSample
from overwatch_tui.state.format import UNICODE
from overwatch_tui.state.models import TargetView, UsersView
from overwatch_tui.widgets.health import health_rows
from tests.overwatch_tui import story


@pytest.mark.parametrize(
    ("region", "errors", "says"),
    [
        (None, 1.0, "nobody answers"),
        (None, None, "nobody answers"),
        (None, 0.4, "partly answered"),
        ("east", 1.0, "served by east"),
    ],
)
@pytest.mark.parametrize("width", [76, 116])
def test_nobody_answers_only_where_no_request_was_answered(region, errors, says, width):
    sample = UsersSample("demo", story.NOW, "fail", errors, 2_400.0, 15.0, region)
    target = TargetView("demo", users=UsersView(sample, (2_400.0,)))
    (line,) = health_rows((target,), width, story.NOW, UNICODE)[-1].lines
    assert "".join(text for text, _ in line).endswith(f"  {says}")
