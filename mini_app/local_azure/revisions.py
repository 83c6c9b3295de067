"""Revisions of a container app, and which one a PATCH asks for."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mini_app.local_azure.patches import AppPatch, Container, Resources, Scale, Template

FIRST_IMAGE = "mini-app:1"


def first_container() -> Container:
    """The container that the demo begins with."""
    return Container(name="app", image=FIRST_IMAGE, env=[], resources=Resources(cpu=0.25, memory="0.5Gi"))


@dataclass(slots=True)
class Revision:
    """One revision of a container app.

    The container is kept and shown as it was asked for. Its image decides what runs; its variables and command stay words,
    as the replicas are processes of this machine and not of a sandbox.
    """

    name: str
    suffix: str
    replicas: int
    max_replicas: int = 5
    container: Container = field(default_factory=first_container)
    active: bool = True
    provisioning: str = "Provisioned"
    error: str = ""
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def image(self) -> str:
        """What runs."""
        return self.container.image or FIRST_IMAGE

    def is_made_as(self, wanted: Wanted) -> bool:
        """Whether it has the template that is asked for."""
        same_scale = (self.replicas, self.max_replicas) == (wanted.replicas, wanted.max_replicas)
        return same_scale and self.container == wanted.container


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a PATCH of a container app asks for, merged with what is."""

    suffix: str
    container: Container
    replicas: int
    max_replicas: int
    named: bool
    """Whether the PATCH itself names the revision."""
    scales: bool
    """Whether the PATCH says anything of the scale."""
    new_revision: bool


def wanted(patch: AppPatch, now: Revision, suffixes: Iterable[str]) -> Wanted:
    """Merge a PATCH with the revision that serves; `suffixes` are those in use.

    Another suffix or container makes a revision; a change of scale does so in Azure, here it scales in place. A list of
    containers replaces the old one whole, as in any JSON merge patch, but for the parts that must not be missing.

    Raises ValueError where more replicas are asked for than the upper bound allows.
    """
    template = (patch.properties.template if patch.properties else None) or Template()
    scale = template.scale or Scale()
    container = _merged(template.containers[0], now.container) if template.containers else now.container
    suffix = template.revision_suffix or ""
    new = (bool(suffix) and suffix != now.suffix) or container != now.container
    if new and not suffix:
        taken = set(suffixes)
        suffix = next(s for n in itertools.count(2) if (s := f"r{n}") not in taken)
    replicas = scale.min_replicas or now.replicas
    upper = scale.max_replicas or now.max_replicas
    if replicas > upper:
        raise ValueError(f"minReplicas {replicas} is more than maxReplicas {upper}")
    return Wanted(
        suffix=suffix or now.suffix,
        container=container,
        replicas=replicas,
        max_replicas=upper,
        named=bool(template.revision_suffix),
        scales=template.scale is not None,
        new_revision=new,
    )


def _merged(asked: Container, now: Container) -> Container:
    return asked.model_copy(
        update={
            "name": asked.name or now.name,
            "image": asked.image or now.image,
            "env": asked.env or [],
            "resources": asked.resources or now.resources,
        }
    )
