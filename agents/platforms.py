"""What a target may run on, as the configuration says it: one table for each kind of platform."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Discriminator, Field, Tag

from agents.facts import Name


class Section(BaseModel):
    """A table of the configuration file."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class FrontDoorSettings(Section):
    """Traffic between regions through Azure Front Door."""

    kind: Literal["front_door"] = "front_door"
    """How traffic is moved."""
    profile: str
    """The Front Door profile."""
    origin_group: str
    """The origin group whose origins are the regions."""
    origins: Mapping[Name, str]
    """The origin's name of each region."""


class AzureSettings(Section):
    """A platform that Overwatch can act on: Azure Container Apps, one app a region."""

    kind: Literal["azure"] = "azure"
    """What it runs on."""
    subscription_id: str
    """The subscription."""
    resource_group: str
    """The resource group of the container apps and of Front Door."""
    container_apps: Mapping[Name, str]
    """The container app of each region."""
    traffic: FrontDoorSettings | None = None
    """How users are moved between regions; null where that is not possible."""
    credential: Literal["default", "managed_identity"] = "default"
    """How azure-identity logs in."""
    arm_url: AnyHttpUrl | None = None
    """Another Azure Resource Manager than the public one."""
    ca_file: Path | None = None
    """The certificate to trust for `arm_url`."""
    images: tuple[str, ...] = ()
    """Prefixes of images that may be deployed; none may where this is empty."""
    min_replicas: int = Field(default=1, ge=1)
    """Never fewer."""
    max_replicas: int = Field(default=5, ge=1)
    """Never more."""


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


class DockerSettings(Section):
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
    images: tuple[str, ...] = ()
    """Prefixes of images that may be deployed; none may where this is empty."""
    min_replicas: int = Field(default=1, ge=1)
    """Never fewer."""
    max_replicas: int = Field(default=5, ge=1)
    """Never more."""


def _kind(content: object) -> str:
    """What a platform's table says it is; Azure where it says nothing."""
    kind = content.get("kind", "azure") if isinstance(content, Mapping) else getattr(content, "kind", "azure")
    return str(kind)


Platform = Annotated[
    Annotated[AzureSettings, Tag("azure")] | Annotated[DockerSettings, Tag("docker")],
    Discriminator(_kind),
]
PLATFORMS = ("azure", "docker")
