"""What one replica is told by its environment."""

from __future__ import annotations

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ReplicaSettings(BaseSettings):
    """`MINI_APP_*` variables."""

    model_config = SettingsConfigDict(env_prefix="MINI_APP_", frozen=True)

    region: str = "east"
    replica: str = "replica-0"
    database_url: str = "sqlite:///mini_app.db"
    admin_token: SecretStr = SecretStr("")
    version: str = "1"
    peers: dict[str, str] = {}
    spread_faults: bool = False
    """A fault of the process strikes all processes of the region: for where a load balancer stands before them."""
    exit_with_stdin: bool = False
