"""What a PATCH may ask for. Anything else is refused before anything is changed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

MOST_REPLICAS = 20
"""Each is a process of this machine."""
Replicas = Annotated[int, Field(ge=1, le=MOST_REPLICAS)]


class Part(BaseModel):
    """A part of a document: strict about what is known here, silent about the rest of Azure's properties."""

    model_config = ConfigDict(strict=True, frozen=True, alias_generator=to_camel)


class Container(Part):
    """The container of a revision."""

    image: str | None = Field(None, pattern=r"^[A-Za-z0-9][\w./:@-]{0,200}$")


class Scale(Part):
    """How many replicas; no fewer than one, as nothing starts them again here when a request comes."""

    min_replicas: Replicas | None = None
    max_replicas: Replicas | None = None


class Template(Part):
    """What a revision is made from. The suffix becomes part of names of files."""

    revision_suffix: str | None = Field(None, max_length=40, pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?)?$")
    containers: list[Container] | None = Field(None, max_length=1)
    scale: Scale | None = None


class AppProperties(Part):
    """The properties of a container app."""

    template: Template | None = None


class AppPatch(Part):
    """A PATCH of a container app."""

    properties: AppProperties | None = None


class OriginProperties(Part):
    """The properties of a Front Door origin."""

    enabled_state: Literal["Enabled", "Disabled"] | None = None
    weight: int | None = Field(None, ge=1, le=1000)
    priority: int | None = Field(None, ge=1, le=5)


class OriginPatch(Part):
    """A PATCH of a Front Door origin."""

    properties: OriginProperties | None = None
