"""Every tool of the server."""

from __future__ import annotations

from typing import Any

from mcp.server import MCPServer

from overwatch_mcp.read_tools import add_read_tools
from overwatch_mcp.workshop import Workshop
from overwatch_mcp.write_tools import add_write_tools


def add_tools(server: MCPServer[Any], workshop: Workshop) -> None:
    """Register every tool."""
    add_read_tools(server, workshop)
    add_write_tools(server, workshop)
