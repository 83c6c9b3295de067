"""The MCP server of Overwatch: the only code that touches infrastructure, in a process of its own."""
