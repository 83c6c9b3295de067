"""What a PATCH may ask for. Anything else is refused before anything is changed."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from mini_app.local_azure.arm_errors import ArmError

MOST_REPLICAS = 20
"""Each is a process of this machine."""
Replicas = Annotated[int, Field(ge=1, le=MOST_REPLICAS)]
Text = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00]*$")]
Name = Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]


class Part(BaseModel):
    """A part of a document: strict about what is known here, silent about the rest of Azure's properties."""

    model_config = ConfigDict(strict=True, frozen=True, alias_generator=to_camel, defer_build=True)


class EnvVar(Part):
    """A variable of a container: a value, or the name of a secret."""

    name: str = Field(max_length=256, pattern=r"^[-._a-zA-Z][-._a-zA-Z0-9]*$")
    value: Text | None = None
    secret_ref: Name | None = None


class Resources(Part):
    """What a container may use."""

    cpu: Annotated[float, Field(gt=0, le=64)] | None = None
    memory: str | None = Field(None, pattern=r"^\d{1,4}(\.\d{1,2})?Gi$")


class Container(Part):
    """The container of a revision."""

    name: Name | None = None
    image: str | None = Field(None, pattern=r"^[A-Za-z0-9][\w./:@-]{0,200}$")
    env: list[EnvVar] | None = Field(None, max_length=100)
    resources: Resources | None = None
    command: list[Text] | None = Field(None, max_length=50)
    args: list[Text] | None = Field(None, max_length=50)


class Scale(Part):
    """How many replicas; no fewer than one, as nothing starts them again here when a request comes."""

    min_replicas: Replicas | None = None
    max_replicas: Replicas | None = None


class Template(Part):
    """What a revision is made from. The suffix becomes part of names of files."""

    revision_suffix: str | None = Field(None, max_length=40, pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?)?$")
    containers: list[Container] | None = Field(None, max_length=1)
    scale: Scale | None = None


class RevisionTraffic(Part):
    """The share of a revision in percent."""

    revision_name: str | None = Field(None, max_length=200)
    weight: Annotated[int, Field(ge=0, le=100)] = 0
    latest_revision: bool | None = None


class Ingress(Part):
    """Who is let in, and to which revisions."""

    traffic: list[RevisionTraffic] | None = Field(None, max_length=100)


class Configuration(Part):
    """What does not belong to a revision."""

    active_revisions_mode: Literal["Single", "single", "Multiple", "multiple", "Labels", "labels"] | None = None
    ingress: Ingress | None = None


class AppProperties(Part):
    """The properties of a container app."""

    configuration: Configuration | None = None
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


class EndpointProperties(Part):
    """The properties of a Traffic Manager endpoint. Its priority is no matter of the weighted routing."""

    endpoint_status: Literal["Enabled", "Disabled"] | None = None
    weight: int | None = Field(None, ge=1, le=1000)


class EndpointPatch(Part):
    """A PATCH of a Traffic Manager endpoint, and what of its PUT can be changed."""

    properties: EndpointProperties | None = None


P = TypeVar("P", bound=Part)


async def read(request: web.Request, shape: type[P]) -> P:
    """The body of a request. Raises ArmError where it is not of that shape."""
    try:
        return shape.model_validate_json(await request.read())
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "the body"
        raise ArmError(400, "InvalidRequestContent", f"{where}: {first['msg']}") from None
