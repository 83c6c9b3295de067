"""What a target may run on, as the configuration says it: one table for each kind of platform."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag, model_validator

from agents.facts import Name


class Section(BaseModel):
    """A table of the configuration file."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class PlatformSection(Section):
    """What every platform is bounded by."""

    images: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = ()
    """The images that may be deployed, or prefixes of them that end with `/`, `:` or `@`; none may where this is empty."""
    min_replicas: int = Field(default=1, ge=1)
    """Never fewer."""
    max_replicas: int = Field(default=5, ge=1)
    """Never more."""

    @model_validator(mode="after")
    def _bounds_agree(self) -> PlatformSection:
        if self.min_replicas > self.max_replicas:
            raise ValueError(f"min_replicas {self.min_replicas} is above max_replicas {self.max_replicas}: swap or raise them")
        return self


class AzureTrafficSettings(Section):
    """How users are moved between regions on Azure."""

    via: Literal["sdk", "cli"] = "sdk"
    """With what: the SDK, or the Azure CLI, logged in already as the same identity."""
    az: str = Field(default="az", min_length=1)
    """The Azure CLI's program."""
    az_timeout_s: float = Field(default=60, ge=30, le=600)
    """How long one of its commands may take."""
    switch_timeout_s: float = Field(default=20, gt=0, le=3600)
    """How long a switch may take to show from outside; the public Front Door can need many minutes."""


class FrontDoorSettings(AzureTrafficSettings):
    """Traffic between regions through Azure Front Door."""

    kind: Literal["front_door"] = "front_door"
    """How traffic is moved."""
    profile: str
    """The Front Door profile."""
    origin_group: str
    """The origin group whose origins are the regions."""
    origins: Mapping[Name, str]
    """The origin's name of each region."""


class TrafficManagerSettings(AzureTrafficSettings):
    """Traffic between regions through a weighted profile of Azure Traffic Manager."""

    kind: Literal["traffic_manager"]
    """How traffic is moved."""
    profile: str
    """The Traffic Manager profile; its routing method must be Weighted."""
    endpoint_type: Literal["ExternalEndpoints", "AzureEndpoints", "NestedEndpoints"] = "ExternalEndpoints"
    """The type of its endpoints."""
    endpoints: Mapping[Name, str]
    """The endpoint's name of each region."""


def _edge(content: object) -> str:
    """What a table of traffic on Azure says it is; Front Door where it says nothing."""
    kind = content.get("kind", "front_door") if isinstance(content, Mapping) else getattr(content, "kind", "front_door")
    return str(kind)


AzureTraffic = Annotated[
    Annotated[FrontDoorSettings, Tag("front_door")] | Annotated[TrafficManagerSettings, Tag("traffic_manager")],
    Discriminator(_edge),
]


class AzureSettings(PlatformSection):
    """A platform that Overwatch can act on: Azure Container Apps, one app a region."""

    kind: Literal["azure"] = "azure"
    """What it runs on."""
    subscription_id: str
    """The subscription."""
    resource_group: str
    """The resource group of the container apps, and of Front Door or Traffic Manager."""
    container_apps: Mapping[Name, str]
    """The container app of each region."""
    traffic: AzureTraffic | None = None
    """How users are moved between regions; null where that is not possible."""
    credential: Literal["default", "managed_identity", "workload_identity", "service_principal", "cli"] = "default"
    """How azure-identity logs in; what it needs is read from the AZURE_ variables of the environment."""
    arm_url: AnyHttpUrl | None = None
    """Another Azure Resource Manager than the public one."""
    ca_file: Path | None = None
    """The certificate to trust for `arm_url` and `logs_url`."""
    log_workspace: str | None = None
    """The customer id of the Log Analytics workspace that the apps log to; without it there are no logs to read."""
    logs_url: AnyHttpUrl | None = None
    """Another Log Analytics query API than the public one."""


class HAProxySettings(Section):
    """Traffic between regions through HAProxy's runtime API."""

    kind: Literal["haproxy"] = "haproxy"
    """How traffic is moved."""
    socket: str = Field(pattern=r"^(/\S+|[A-Za-z0-9.-]+:\d{1,5})$")
    """The runtime socket: its path, or host:port."""
    backend: str
    """The backend whose servers are the regions."""
    servers: Mapping[Name, str]
    """The server of each region."""
    state_file: Path | None = None
    """HAProxy's `server-state-file`, written after each change; without it HAProxy forgets them when it is started anew."""


class DockerSettings(PlatformSection):
    """A platform that Overwatch can act on: containers of one Docker engine."""

    kind: Literal["docker"]
    """What it runs on."""
    project: str
    """The value of the label `overwatch.project`: only containers that carry it are ever touched."""
    services: Mapping[Name, str]
    """The value of the label `overwatch.region` of each region's containers."""
    traffic: HAProxySettings | None = None
    """How users are moved between regions; null where that is not possible."""
    docker_url: str | None = Field(default=None, pattern=r"^(unix:///|tcp://|https?://)\S+$")
    """The engine; null takes DOCKER_HOST, else the local socket."""


def _kind(content: object) -> str:
    """What a platform's table says it is; Azure where it says nothing."""
    kind = content.get("kind", "azure") if isinstance(content, Mapping) else getattr(content, "kind", "azure")
    return str(kind)


Platform = Annotated[
    Annotated[AzureSettings, Tag("azure")] | Annotated[DockerSettings, Tag("docker")],
    Discriminator(_kind),
]
KINDS = {"platform": ("azure", "docker"), "traffic": ("front_door", "traffic_manager")}
"""The tables that come in several kinds, and how each is named."""
