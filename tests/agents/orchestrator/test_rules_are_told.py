"""The documentation names every rule of the gate, in the order in which they are told."""

from __future__ import annotations

import re
from pathlib import Path

from agents.orchestrator import RULE_NAMES

POLICY = Path(__file__).parents[3] / "docs" / "policy.md"


def test_the_documentation_names_every_rule_in_its_order():
    section = POLICY.read_text(encoding="utf-8").partition("## The rules\n")[2].partition("\n## ")[0]
    assert tuple(re.findall(r"`([^`]+)`", section)) == RULE_NAMES
