"""The walls and habits of the house that no linter keeps."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("textual", "openai", "mcp", "azure", "sqlalchemy", "fastapi")


def test_help_imports_nothing_heavy():
    program = (
        "import sys\n"
        "from overwatch_tui.cli import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.strip() == "[]"
    assert "launch" in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        "launch",
        "run",
        "attach",
        "health",
        "chaos",
        "incidents",
        "policy",
        "audit",
        "approvals",
        "approve",
        "reject",
        "edit",
        "pause",
        "resume",
        "doctor",
        "drill",
        "replay",
    ],
)
def test_every_command_has_help_with_an_example_or_commands(command):
    from typer.testing import CliRunner

    from overwatch_tui.cli import app

    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "Example: " in result.output or "Commands" in result.output


def test_the_sdk_is_the_sdk_and_our_folder_hides_nothing():
    import mcp

    assert "site-packages" in str(mcp.__file__)
    assert not (ROOT / "mcp" / "__init__.py").exists()
    assert not (ROOT / "mcp" / "tools" / "__init__.py").exists()


def python_files():
    for top in ("overwatch_tui", "agents", "mini_app", "mcp", "scripts", "benchmarks"):
        yield from (ROOT / top).rglob("*.py")


def test_no_module_outgrows_a_reader():
    long = {str(p.relative_to(ROOT)): n for p in python_files() if (n := len(p.read_text().splitlines())) > 400}
    assert long == {}


def test_the_lock_names_no_index_and_pins_every_requirement_with_a_hash():
    text = (ROOT / "requirements.txt").read_text()
    assert not re.search(r"https?://|--(extra-)?index", text)
    pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert pins
    assert all("==" in line and line.endswith("\\") for line in pins)
