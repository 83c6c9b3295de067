"""What a new container is made like: the old one, but for its image."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from overwatch_mcp.docker_member import ALIASES, IMAGE, INDEX, OPERATION, PROJECT, REGION, RESTART, REVISION, WANTED, Member
from overwatch_mcp.errors import NotDoneError

NEVER = {"Name": "no", "MaximumRetryCount": 0}
COMPOSE_NUMBER = "com.docker.compose.container-number"
_FROM_IMAGE = (
    "Cmd",
    "Entrypoint",
    "WorkingDir",
    "User",
    "ExposedPorts",
    "Volumes",
    "Healthcheck",
    "StopSignal",
    "Shell",
    "OnBuild",
)
"""Settings that a container has from its image unless it was given its own: the new image brings its own."""
_OF_ONE = ("Hostname", "Domainname", "MacAddress", "Image", "Labels", "Env")


@dataclass(frozen=True, slots=True)
class Batch:
    """Containers that one operation makes: its suffix, their revision, image and number, and the project's name.

    `image` is what people call the image, `reference` what the engine is asked for: the same, or the exact one by its id.
    `policy` is the restart policy of those that serve: one that is kept stopped has lost its own.
    """

    project: str
    service: str
    suffix: str
    revision: str
    image: str
    reference: str
    count: int
    policy: Mapping[str, Any]

    def name(self, index: int) -> str:
        """The name of the container with this number."""
        return f"{self.project}-{self.service}-{self.suffix}-{index}"


def new_container(
    batch: Batch, index: int, like: Member, images: tuple[Mapping[str, Any], Mapping[str, Any]], number: int
) -> dict[str, Any]:
    """The engine's request for the container `index` of a batch.

    `images` are the old container's image (empty where it is gone) and the new one; `number` is its number for Compose, which
    goes on to know it as one of its own. It takes no traffic yet, and is not restarted where it ends: the names that lead to it
    and its restart policy are kept in labels.

    Raises:
        NotDoneError: A second container of that kind can't be.
    """
    refuse_unique(like)
    old, _ = images
    config = dict(like.raw["Config"])
    theirs = old.get("Config") or {}
    kept = {key: value for key, value in config.items() if key not in _OF_ONE and value is not None}
    for key in _FROM_IMAGE:
        if key in kept and kept[key] == theirs.get(key):
            del kept[key]
    host = dict(like.raw["HostConfig"])
    host |= {"RestartPolicy": NEVER, "AutoRemove": False}
    networks = sorted(like.aliases)
    return {
        **kept,
        "Image": batch.reference,
        "Env": [one for one in config.get("Env") or () if one not in set(theirs.get("Env") or ())],
        "Labels": _labels(batch, index, like, theirs.get("Labels") or {}, number),
        "HostConfig": host,
        "NetworkingConfig": {"EndpointsConfig": {network: {"Aliases": []} for network in networks[:1]}},
    }


def refuse_unique(like: Member) -> None:
    """Raises NotDoneError where a container has what only one can have at a time."""
    host = like.raw["HostConfig"]
    mode = str(host.get("NetworkMode") or "")
    if mode == "host" or mode.startswith("container:"):
        raise NotDoneError(
            f"{like.name!r} uses the network {mode!r}, which leaves no room for a second one: use a bridge network"
        )
    for port, bindings in (host.get("PortBindings") or {}).items():
        if any((binding or {}).get("HostPort") for binding in bindings or ()):
            raise NotDoneError(f"{like.name!r} publishes {port} at a fixed port: publish the gateway's instead")
    for network, endpoint in (like.raw["NetworkSettings"].get("Networks") or {}).items():
        if any(((endpoint or {}).get("IPAMConfig") or {}).values()):
            raise NotDoneError(f"{like.name!r} has a fixed address on {network!r}: let the engine give it one")


def restart_policy(member: Member) -> dict[str, Any]:
    """The restart policy that a container was made with."""
    if RESTART in member.labels:
        told: dict[str, Any] = json.loads(member.labels[RESTART])
        return told
    return dict(member.raw["HostConfig"].get("RestartPolicy") or NEVER)


def next_number(members: Sequence[Member]) -> int:
    """The first number that no container of a Compose service has."""
    return 1 + max((int(text) for one in members if (text := one.labels.get(COMPOSE_NUMBER, "0")).isdecimal()), default=0)


def _labels(batch: Batch, index: int, like: Member, theirs: Mapping[str, str], number: int) -> dict[str, str]:
    kept = {key: value for key, value in like.labels.items() if theirs.get(key) != value}
    if COMPOSE_NUMBER in kept:
        kept[COMPOSE_NUMBER] = str(number)
    return {
        **kept,
        PROJECT: batch.project,
        REGION: batch.service,
        REVISION: batch.revision,
        OPERATION: batch.suffix,
        INDEX: str(index),
        WANTED: str(batch.count),
        IMAGE: batch.image,
        ALIASES: json.dumps({network: sorted(names) for network, names in like.aliases.items()}, sort_keys=True),
        RESTART: json.dumps(dict(batch.policy), sort_keys=True),
    }
