"""Drills: break the demo on purpose, let the swarm work, and measure what it did, from outside."""

from overwatch_tui.drill.report import Held, Report
from overwatch_tui.drill.runner import Drill, DrillError, DrillStoppedError
from overwatch_tui.drill.scenarios import SCENARIOS, Scenario

__all__ = ["SCENARIOS", "Drill", "DrillError", "DrillStoppedError", "Held", "Report", "Scenario"]
