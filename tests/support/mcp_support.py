"""The MCP server as a process that tests speak to and kill."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from overwatch_mcp.journal import Journal


class RawServer:
    """A server process spoken to line by line, so that a test may close its stdin or kill it at any moment."""

    def __init__(self, arguments: tuple[str, ...], env: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **env},
            )
        self._number = 0

    def hello(self) -> dict[str, Any]:
        """The handshake."""
        asked = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        answer = self.request("initialize", asked)
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return answer

    def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call a tool; raises EOFError when the server went away instead of answering."""
        return self.request("tools/call", {"name": tool, "arguments": arguments})

    def send_call(self, tool: str, arguments: dict[str, Any]) -> None:
        """Call a tool without waiting for the answer."""
        self._number += 1
        params = {"name": tool, "arguments": arguments}
        self._send({"jsonrpc": "2.0", "id": self._number, "method": "tools/call", "params": params})

    def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        self._send({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        for line in self.process.stdout:
            message = json.loads(line)
            if message.get("id") == self._number:
                return message["result"]
        raise EOFError(self.log.read_text(encoding="utf-8"))

    def _send(self, message: dict[str, Any]) -> None:
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def cpu_seconds(self) -> float:
        """What the process has taken of a core so far: unlike the time on the wall, it does not depend on the neighbours."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        with contextlib.suppress(OSError):
            self.process.stdin.close()


class Killed(BaseException):
    """The process is gone."""


def journal_that_dies_at(step: str):
    class Dying(Journal):
        async def begin(self, entry, limit=None):
            self._die("before begin")
            overtaken = await super().begin(entry, limit)
            self._die("begin")
            return overtaken

        async def accepted(self, operation_id, at, continuation=None):
            self._die("issued")
            await super().accepted(operation_id, at, continuation)
            self._die("accepted")

        async def finish(self, result, at):
            self._die("before finish")
            await super().finish(result, at)
            self._die("finish")

        def _die(self, at: str) -> None:
            if at == step:
                raise Killed

    return Dying
