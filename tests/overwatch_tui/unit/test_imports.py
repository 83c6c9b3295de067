"""What loads when: the first paint needs neither the swarm nor its models."""

from __future__ import annotations

import subprocess
import sys

import pytest


def loaded_by(module: str, *wanted: str) -> list[str]:
    code = f"import sys, {module}; print(*[name for name in {wanted!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split()


@pytest.mark.parametrize(
    "module",
    [
        "overwatch_tui.bridge.seam",
        "overwatch_tui.bridge.buffer",
        "overwatch_tui.bridge.pump",
        "overwatch_tui.bridge.host",
        "overwatch_tui.state.store",
        "overwatch_tui.state.dossier",
        "overwatch_tui.state.format",
        "overwatch_tui.actions",
    ],
)
def test_neither_the_state_nor_the_bridge_knows_textual(module):
    assert loaded_by(module, "textual", "rich") == []


def test_the_app_paints_before_anything_heavy_loads():
    assert loaded_by("overwatch_tui.app", "pydantic", "agents.events", "sqlalchemy", "openai", "mcp", "aiohttp", "azure") == []


@pytest.mark.parametrize("module", ["overwatch_tui.attach.link", "overwatch_tui.cli.attach", "agents.home"])
def test_a_health_check_loads_neither_the_settings_nor_the_swarm(module):
    assert loaded_by(module, "pydantic", "textual", "sqlalchemy", "openai", "agents.settings") == []


def test_the_registry_of_actions_loads_nothing_heavy():
    assert loaded_by("overwatch_tui.actions", "textual", "rich", "pydantic", "typer") == []
