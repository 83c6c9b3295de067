"""`mcp/` is a folder of ours and `mcp` is the SDK: both must stay importable from the root of the project."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_mcp_folders_are_no_packages():
    assert not (ROOT / "mcp" / "__init__.py").exists()
    assert not (ROOT / "mcp" / "tools" / "__init__.py").exists()


def test_import_mcp_is_the_sdk():
    spec = importlib.util.find_spec("mcp")
    assert spec is not None
    assert spec.origin is not None
    assert not Path(spec.origin).is_relative_to(ROOT / "mcp")
    assert importlib.util.find_spec("mcp.server.mcpserver") is not None


def test_import_mcp_is_the_sdk_from_the_root_of_the_project():
    code = "import importlib.util as u; print(u.find_spec('mcp').origin); print(u.find_spec('overwatch_mcp').origin)"
    sdk, ours = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert "site-packages" in sdk
    assert Path(ours) == ROOT / "mcp" / "tools" / "overwatch_mcp" / "__init__.py"


def test_no_tests_live_inside_the_mcp_folder():
    assert not [path for path in (ROOT / "mcp").rglob("test_*.py") if "__pycache__" not in path.parts]


def test_the_server_imports_nothing_of_azure_before_it_is_used():
    code = (
        "import sys, overwatch_mcp.azure_mcp_server, overwatch_mcp.workshop;"
        "print([m for m in sys.modules if m.split('.')[0] in ('azure', 'aiohttp', 'requests', 'sqlalchemy')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
