"""The `[tools]` table: an MCP server that runs already, instead of one that the swarm starts itself."""

from __future__ import annotations

from pathlib import Path

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, model_validator


class ToolsSettings(BaseModel):
    """Where the MCP server runs. Without `url` one is started, with the targets of this configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    url: AnyHttpUrl | None = None
    """Its address, such as `https://tools.example.org:8700/mcp`; its targets are those of its own configuration."""
    token_file: Path | None = None
    """The file with its bearer token; read anew at each connection."""
    ca_file: Path | None = None
    """The certificate to trust for `url`, where no public authority vouches for it."""
    approval_key_file: Path | None = None
    """The file with the key that the server demands approvals with, where it does: the same as its own."""

    @model_validator(mode="after")
    def _complete(self) -> ToolsSettings:
        if self.url is None and any((self.token_file, self.ca_file, self.approval_key_file)):
            raise ValueError("the other keys of tools belong to tools.url: set it, or leave them out")
        if self.url is not None and self.token_file is None:
            raise ValueError("tools.url needs tools.token_file: the file with the server's bearer token")
        return self
