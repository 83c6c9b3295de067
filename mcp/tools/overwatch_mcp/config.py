"""The server's configuration: the targets that it may touch, and within which limits. Whoever calls stays inside it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from overwatch_mcp.errors import ConfigError, RequestError

CONFIG_VARIABLE = "OVERWATCH_MCP_CONFIG"

WriteTool = Literal["restart_service", "scale_service", "deploy_container", "switch_traffic"]
ReadTool = Literal["get_service_state", "get_traffic", "get_operation"]

Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
"""The name of a target or a region; it becomes part of file names and of messages."""
ResourceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._()-]{0,89}$")]
"""The name of an Azure resource; it becomes part of a path."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RegionConfig(_Section):
    """One region: the container app that serves it."""

    container_app: ResourceName


class FrontDoorConfig(_Section):
    """Where traffic between regions is decided: one Front Door origin for each region."""

    kind: Literal["front_door"] = "front_door"
    profile: ResourceName
    origin_group: ResourceName
    origins: Mapping[Key, ResourceName]


class Limits(_Section):
    """The replicas that a region may be given; there is never an empty region."""

    min_replicas: int = Field(default=1, ge=1)
    max_replicas: int = Field(default=5, ge=1)

    @model_validator(mode="after")
    def _ordered(self) -> Limits:
        if self.min_replicas > self.max_replicas:
            raise ValueError(f"min_replicas {self.min_replicas} is above max_replicas {self.max_replicas}: swap or raise them")
        return self


class TargetConfig(_Section):
    """One service on Azure, and what may be done to it."""

    platform: Literal["azure"] = "azure"
    subscription_id: ResourceName
    resource_group: ResourceName
    arm_url: Annotated[str, StringConstraints(pattern=r"^https://[^/\s]+$")] | None = None
    """Another Resource Manager than the public one; https, because bearer tokens are not sent without TLS."""
    ca_file: Path | None = None
    """The certificate to trust for `arm_url`, beside none other."""
    credential: Literal["managed_identity", "default"] = "default"
    regions: Mapping[Key, RegionConfig] = Field(min_length=1)
    traffic: FrontDoorConfig | None = None
    public_url: Annotated[str, StringConstraints(pattern=r"^https?://[^/\s]+$")] | None = None
    probe_path: Annotated[str, StringConstraints(pattern=r"^/\S*$")] = "/"
    switch_probes: int = Field(default=3, ge=1, le=50)
    """Answers in a row through `public_url` that a switch of traffic needs to have succeeded."""
    switch_timeout_s: float = Field(default=20.0, gt=0, le=3600)
    """How long those may take to come; the public Front Door can need many minutes."""
    limits: Limits = Limits()
    images: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = ()
    """Prefixes of the images that may be deployed; none may where this is empty."""
    allowed_tools: frozenset[WriteTool | ReadTool] | None = None
    """The write tools that may be used; null allows all. Reading is always allowed."""

    @model_validator(mode="after")
    def _origins_are_regions(self) -> TargetConfig:
        if self.traffic is not None and set(self.traffic.origins) != set(self.regions):
            raise ValueError(
                f"traffic.origins names {sorted(self.traffic.origins)}, but the regions are {sorted(self.regions)}: "
                "name each region once"
            )
        return self

    def region(self, target: str, region: str) -> RegionConfig:
        """The configuration of one region. Raises RequestError with the known names."""
        if region not in self.regions:
            raise RequestError(f"{region[:100]!r} is not a region of {target!r}; known: {sorted(self.regions)}")
        return self.regions[region]


class ServerConfig(_Section):
    """The whole configuration file."""

    journal: Path
    """The database of operations; beside it lie the locks of the targets."""
    targets: Mapping[Key, TargetConfig]

    @field_validator("journal")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        if not value.is_absolute():
            raise ValueError(f"{str(value)!r} is relative: give an absolute path, whatever the working directory is")
        return value

    def target(self, name: str) -> TargetConfig:
        """The configuration of one target. Raises RequestError with the known names."""
        if name not in self.targets:
            raise RequestError(f"{name[:100]!r} is not a target; known: {sorted(self.targets)}")
        return self.targets[name]


def load_config(path: Path | None) -> ServerConfig:
    """Read the file named by the argument or by OVERWATCH_MCP_CONFIG.

    Raises:
        ConfigError: No file is named, it can't be read, or a key or a value is wrong; the text names it.
    """
    if path is None:
        named = os.environ.get(CONFIG_VARIABLE)
        if not named:
            raise ConfigError(f"no configuration: pass --config FILE or set {CONFIG_VARIABLE}")
        path = Path(named)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"can't read the configuration {str(path)!r}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"the configuration {str(path)!r} is no JSON: {error}") from error
    try:
        return ServerConfig.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_problem(detail["loc"], detail["type"], detail["msg"]) for detail in error.errors())
        raise ConfigError(f"the configuration {str(path)!r} can't be used: {problems}") from error


def _problem(location: tuple[int | str, ...], kind: str, message: str) -> str:
    where = ".".join(str(part) for part in location) or "the top level"
    if kind == "extra_forbidden":
        return f"{where!r} is not a known key: remove it or correct its name"
    return f"{where!r}: {message}"
