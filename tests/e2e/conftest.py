"""Homes of their own for the real program, and its environment."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def environment(tmp_path):
    """The environment of a program whose state lies in this test's folder."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OVERWATCH_")}
    return kept | {
        "OVERWATCH_HOME": str(tmp_path / "home"),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
    }
