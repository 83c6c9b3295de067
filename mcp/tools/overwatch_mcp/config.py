"""The server's configuration: the targets that it may touch, and within which limits. Whoever calls stays inside it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from overwatch_mcp.errors import ConfigError, RequestError

CONFIG_VARIABLE = "OVERWATCH_MCP_CONFIG"

WriteTool = Literal["restart_service", "scale_service", "deploy_container", "rollback_revision", "switch_traffic"]
ReadTool = Literal[
    "get_service_state", "list_revisions", "tail_logs", "get_traffic", "get_metrics", "get_operation", "list_targets"
]

Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
"""The name of a target or a region; it becomes part of file names and of messages."""
ResourceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._()-]{0,89}$")]
"""The name of an Azure resource; it becomes part of a path."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AzureRegion(_Section):
    """One region on Azure: the container app that serves it."""

    container_app: ResourceName


class AzureTraffic(_Section):
    """How traffic between regions is moved on Azure: through the SDK, or through the Azure CLI where that is what is wanted."""

    via: Literal["sdk", "cli"] = "sdk"
    az: Annotated[str, StringConstraints(min_length=1)] = "az"
    """The Azure CLI's program; logged in already, as the same identity."""
    az_timeout_s: float = Field(default=60.0, ge=30, le=600)
    """How long one command may take; loading its modules alone can take ten seconds."""


class FrontDoorConfig(AzureTraffic):
    """Where traffic between regions is decided: one Front Door origin for each region."""

    kind: Literal["front_door"] = "front_door"
    profile: ResourceName
    origin_group: ResourceName
    origins: Mapping[Key, ResourceName]

    @property
    def doors(self) -> Mapping[str, str]:
        """The origin of each region."""
        return self.origins


class TrafficManagerConfig(AzureTraffic):
    """Where traffic between regions is decided: one endpoint of a weighted Traffic Manager profile for each region."""

    kind: Literal["traffic_manager"]
    profile: ResourceName
    endpoint_type: Literal["ExternalEndpoints", "AzureEndpoints", "NestedEndpoints"] = "ExternalEndpoints"
    endpoints: Mapping[Key, ResourceName]

    @property
    def doors(self) -> Mapping[str, str]:
        """The endpoint of each region."""
        return self.endpoints


_KINDS = ("front_door", "traffic_manager")


def _kind(content: Any) -> str:
    return str(content.get("kind", "front_door")) if isinstance(content, dict) else str(getattr(content, "kind", ""))


AnyAzureTraffic = Annotated[
    Annotated[FrontDoorConfig, Tag("front_door")] | Annotated[TrafficManagerConfig, Tag("traffic_manager")],
    Discriminator(_kind),
]


class DockerRegion(_Section):
    """One region on Docker: the containers that carry the project's label and this name."""

    service: ResourceName


class HAProxyConfig(_Section):
    """Where traffic between regions is decided: one server of an HAProxy backend for each region, through its runtime socket."""

    kind: Literal["haproxy"] = "haproxy"
    socket: Annotated[str, StringConstraints(pattern=r"^(/\S+|[A-Za-z0-9.-]+:\d{1,5})$")]
    """The path of the socket, or host:port."""
    backend: ResourceName
    servers: Mapping[Key, ResourceName]
    state_file: Path | None = None
    """HAProxy's `server-state-file`, written after each change, so that HAProxy goes on from there when it is started anew."""

    @property
    def doors(self) -> Mapping[str, str]:
        """The server of each region."""
        return self.servers


class Limits(_Section):
    """The replicas that a region may be given (there is never an empty region), and how often a target may be written to."""

    min_replicas: int = Field(default=1, ge=1)
    max_replicas: int = Field(default=5, ge=1)
    writes_per_hour: int = Field(default=60, ge=1)
    """How many writes may be begun within an hour, whoever asks; undoing one is not counted."""
    max_unavailable: int = Field(default=1, ge=1)
    """Replicas of a region that a restart may take out of service at once, where it is this server that does it one by one."""
    start_jitter_s: float = Field(default=1.0, ge=0, le=60)
    """The starts of replicas lie up to so many seconds apart, by chance: all at once they would fall upon what they share."""

    @model_validator(mode="after")
    def _ordered(self) -> Limits:
        if self.min_replicas > self.max_replicas:
            raise ValueError(f"min_replicas {self.min_replicas} is above max_replicas {self.max_replicas}: swap or raise them")
        return self


class TargetConfig(_Section):
    """One service, and what may be done to it, whatever it runs on."""

    platform: str
    regions: Mapping[Key, _Section] = Field(min_length=1)
    traffic: FrontDoorConfig | TrafficManagerConfig | HAProxyConfig | None = None
    public_url: Annotated[str, StringConstraints(pattern=r"^https?://[^/\s]+$")] | None = None
    probe_path: Annotated[str, StringConstraints(pattern=r"^/\S*$")] = "/"
    switch_probes: int = Field(default=3, ge=1, le=50)
    """Answers in a row through `public_url` that a switch of traffic needs to have succeeded."""
    switch_timeout_s: float = Field(default=20.0, gt=0, le=3600)
    """How long those may take to come; the public Front Door can need many minutes."""
    limits: Limits = Limits()
    images: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = ()
    """The images that may be deployed, or prefixes of them that end with `/`, `:` or `@`; none may where this is empty."""
    allowed_tools: frozenset[WriteTool | ReadTool] | None = None
    """The write tools that may be used; null allows all. Reading is always allowed."""
    approval_key_file: Path | None = None
    """Where set, a write needs a token signed with the key in this file: see `approval_token`."""

    @model_validator(mode="after")
    def _doors_are_regions(self) -> TargetConfig:
        if self.traffic is not None and set(self.traffic.doors) != set(self.regions):
            raise ValueError(
                f"traffic names {sorted(self.traffic.doors)}, but the regions are {sorted(self.regions)}: name each region once"
            )
        return self

    def region(self, target: str, region: str) -> None:
        """Raises RequestError with the known names where there is no such region."""
        if region not in self.regions:
            raise RequestError(f"{region[:100]!r} is not a region of {target!r}; known: {sorted(self.regions)}")


class AzureTarget(TargetConfig):
    """A service on Azure Container Apps."""

    platform: Literal["azure"] = "azure"
    subscription_id: ResourceName
    resource_group: ResourceName
    arm_url: Annotated[str, StringConstraints(pattern=r"^https://[^/\s]+$")] | None = None
    """Another Resource Manager than the public one; https, because bearer tokens are not sent without TLS."""
    ca_file: Path | None = None
    """The certificate to trust for `arm_url` and `logs_url`, beside none other."""
    credential: Literal["managed_identity", "workload_identity", "service_principal", "cli", "default"] = "default"
    regions: Mapping[Key, AzureRegion] = Field(min_length=1)
    traffic: AnyAzureTraffic | None = None
    log_workspace: ResourceName | None = None
    """The Log Analytics workspace (its customer id) that the apps log to; without it there are no logs to read."""
    logs_url: Annotated[str, StringConstraints(pattern=r"^https://[^/\s]+$")] | None = None
    """Another Log Analytics query API than the public one."""


class DockerTarget(TargetConfig):
    """A service in containers of one Docker engine. Only containers with the project's label are ever touched."""

    platform: Literal["docker"]
    project: Key
    """The value of the label `overwatch.project` of this service's containers."""
    docker_url: Annotated[str, StringConstraints(pattern=r"^(unix:///|tcp://|https?://)\S+$")] | None = None
    """The engine; null takes DOCKER_HOST, else the local socket."""
    regions: Mapping[Key, DockerRegion] = Field(min_length=1)
    traffic: HAProxyConfig | None = None


def _platform(content: Any) -> str:
    return str(content.get("platform", "azure")) if isinstance(content, dict) else str(getattr(content, "platform", "azure"))


AnyTarget = Annotated[Annotated[AzureTarget, Tag("azure")] | Annotated[DockerTarget, Tag("docker")], Discriminator(_platform)]


class ServerConfig(_Section):
    """The whole configuration file."""

    journal: Path
    """The database of operations; beside it lie the locks of the targets."""
    keep_days: int = Field(default=400, ge=0, le=36_500)
    """Details of operations that ended so many days ago are taken away once a day; their ids and ends stay. 0 keeps all."""
    login_file: Path | None = None
    """A JSON object of AZURE_, IDENTITY_ and MSI_ variables to log in with, where they are not set already; mode 0600."""
    targets: Mapping[Key, AnyTarget]

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
        problems = "; ".join(_problem(detail["loc"], detail["type"], detail["msg"], detail["input"]) for detail in error.errors())
        raise ConfigError(f"the configuration {str(path)!r} can't be used: {problems}") from error


def _problem(location: tuple[int | str, ...], kind: str, message: str, value: object) -> str:
    shown = [part for n, part in enumerate(location) if not _is_tag(location, n)]
    where = ".".join(str(part) for part in shown) or "the top level"
    if kind == "extra_forbidden":
        return f"{where!r} is not a known key: remove it or correct its name"
    if kind == "union_tag_invalid":
        key, known = ("kind", "front_door, traffic_manager") if location[-1] == "traffic" else ("platform", "azure, docker")
        return f"'{where}.{key}' is not known: take one of {known}"
    if kind == "missing":
        return f"{where!r} is missing: set it"
    shown_value = f", not {value!r}" if isinstance(value, int | float | str) and len(str(value)) <= 80 else ""
    return f"{where!r}: {message.removeprefix('Value error, ')}{shown_value if kind != 'value_error' else ''}"


def _is_tag(location: tuple[int | str, ...], n: int) -> bool:
    """Whether a part of a location names which variant was taken, and no key of the file."""
    return (n == 2 and location[0] == "targets") or (n > 0 and location[n - 1] == "traffic" and location[n] in _KINDS)
