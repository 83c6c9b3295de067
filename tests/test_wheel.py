"""The wheel is whole: what the tree has is in it, and what it installs runs far from the tree."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from cloud_support import open_cloud

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {name: ROOT / name for name in ("overwatch_tui", "agents", "mini_app")}
PACKAGES["overwatch_mcp"] = ROOT / "mcp" / "tools" / "overwatch_mcp"
CACHES = shutil.ignore_patterns("__pycache__", "*.egg-info")


def run(*command: str | Path) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=110)
    if done.returncode and "No matching distribution found for setuptools" in done.stderr:
        pytest.skip("building needs setuptools, which is neither here nor to be reached")
    assert done.returncode == 0, done.stdout + done.stderr


def has_setuptools() -> bool:
    try:
        return int(importlib.metadata.version("setuptools").split(".")[0]) >= 77
    except importlib.metadata.PackageNotFoundError:
        return False


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, so that the tree stays as it is."""
    tree, dist = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    for name in ("overwatch_tui", "agents", "mini_app", "mcp"):
        shutil.copytree(ROOT / name, tree / name, ignore=CACHES)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    if importlib.util.find_spec("pip"):
        isolation = ["--no-build-isolation"] if has_setuptools() else []
        run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", *isolation, "--wheel-dir", dist, tree)
    else:
        run("uv", "build", "--quiet", "--wheel", "--out-dir", dist, tree)
    (built,) = dist.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """Where the wheel was installed to, without its requirements: those of this interpreter do."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip"] if importlib.util.find_spec("pip") else ["uv", "pip"]
    run(*pip, "install", "--quiet", "--no-deps", "--target", target, wheel)
    return target


@pytest.fixture
def elsewhere(installed) -> dict[str, str]:
    """The environment of a program that knows the installed files, not the tree."""
    return {**os.environ, "PYTHONPATH": str(installed)}


def test_every_file_of_the_packages_is_in_the_wheel(wheel):
    wanted = {
        f"{name}/{path.relative_to(folder).as_posix()}"
        for name, folder in PACKAGES.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert "mini_app/frontend/app.js" in wanted
    assert found == wanted


def test_the_installed_commands_run_without_the_tree(installed, elsewhere, tmp_path):
    where = [sys.executable, "-c", "import mini_app, overwatch_tui; print(mini_app.__file__, overwatch_tui.__file__)"]
    done = subprocess.run(where, cwd=tmp_path, env=elsewhere, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.count(str(installed)) == 2
    helped = [installed / "bin" / "overwatch-tui", "--help"]
    done = subprocess.run(helped, cwd=tmp_path, env=elsewhere, capture_output=True, text=True, timeout=60, check=True)
    assert "launch" in done.stdout


def test_the_installed_demo_serves_its_page_without_the_tree(elsewhere, tmp_path):
    cloud = open_cloud(tmp_path / "demo", "--replicas", "1", "--rps", "0", cwd=tmp_path, env=elsewhere)
    try:
        public = cloud.wait_ready().facts["public_url"]
        assert "<title>Mini app</title>" in cloud.http.get(public).text
        for name in ("app.js", "style.css"):
            assert cloud.http.get(f"{public}/static/{name}").status_code == 200
    finally:
        cloud.end()
