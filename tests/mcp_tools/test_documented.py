"""What docs/mcp-server.md shows is taken as it stands: the configuration by the server, and the client by its HTTP door."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest
from http_door import http_door

from overwatch_mcp.config import load_config

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs/mcp-server.md").read_text()


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    return found


def test_the_configuration_of_the_document_is_taken(tmp_path):
    path = tmp_path / "mcp.json"
    path.write_text(block("json"))
    shop = load_config(path).targets["shop"]
    assert set(shop.regions) == {"east", "west"}
    assert shop.approval_key_file is not None


@pytest.mark.processes
async def test_the_client_of_the_document_is_answered(bench, caplog, tmp_path):
    async with http_door(bench.workshop, caplog, tmp_path, token_file=tmp_path / "mcp.token") as door:
        program = block("python").replace("http://127.0.0.1:8700/mcp", door.url)
        assert door.url in program
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-Ic", program, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        said, errors = await asyncio.wait_for(running.communicate(), 60)
    assert (running.returncode, errors) == (0, b"")
    assert b"'name': 'demo'" in said
