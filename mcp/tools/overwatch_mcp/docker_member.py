"""One container of a region, as the engine describes it, and what its labels and its name say about its part."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from overwatch_mcp.errors import PlatformError
from overwatch_mcp.plain_text import plain

PROJECT, REGION = "overwatch.project", "overwatch.region"
REVISION, OPERATION, INDEX, WANTED = "overwatch.revision", "overwatch.operation", "overwatch.index", "overwatch.replicas"
IMAGE, ALIASES, RESTART = "overwatch.image", "overwatch.aliases", "overwatch.restart-policy"

WORD = 400

Mark = Literal["", "retired", "failed", "leaving"]
"""What became of a container. It stands in its name, because a name can be changed and labels can't.

- retired: an earlier revision's, stopped and kept to go back to
- failed: it never came up; stopped and kept to be read
- leaving: chosen to be removed
"""
_MARKED = re.compile(r"^(?P<base>.+?)\.(?P<mark>retired|failed|leaving)(?:-(?P<operation>[a-z0-9-]+))?$")


@dataclass(frozen=True, slots=True)
class Member:
    """One container that carries the project's and the region's labels. `raw` is the engine's whole description."""

    id: str
    name: str
    service: str
    labels: Mapping[str, str]
    created_at: datetime | None
    started_at: datetime | None
    status: str
    health: str | None
    restarts: int
    exit_code: int
    error: str
    networks: Mapping[str, frozenset[str]]
    raw: Mapping[str, Any]

    @property
    def mark(self) -> Mark:
        """Its mark. One that was started again by hand is what it was: it runs."""
        found = _MARKED.match(self.name)
        if found is None or (self.running and found["mark"] != "leaving"):
            return ""
        mark: Mark = found["mark"]  # type: ignore[assignment]
        return mark

    @property
    def base_name(self) -> str:
        """Its name without a mark."""
        found = _MARKED.match(self.name)
        return self.name if found is None else found["base"]

    @property
    def operation(self) -> str | None:
        """The suffix of the operation that made it, or that removes it."""
        found = _MARKED.match(self.name)
        leaving = found["operation"] if found is not None and found["mark"] == "leaving" else None
        return leaving or self.labels.get(OPERATION)

    @property
    def revision(self) -> str:
        """Its revision; what something else made is named after its image."""
        return plain(self.labels.get(REVISION, ""), WORD) or f"{self.service}--img-{self.image_id.rpartition(':')[2][:8]}"

    @property
    def image(self) -> str:
        """The image's name, as it was asked for."""
        return plain(self.labels.get(IMAGE, ""), WORD) or plain(self.raw["Config"]["Image"], WORD)

    @property
    def image_id(self) -> str:
        """The image itself; its name may belong to another one by now."""
        return str(self.raw["Image"])

    @property
    def index(self) -> int:
        """Its number within the operation that made it."""
        text = self.labels.get(INDEX, "")
        return int(text) if text.isdecimal() else 0

    @property
    def wanted(self) -> int | None:
        """How many containers the operation that made it wanted."""
        text = self.labels.get(WANTED, "")
        return int(text) if text.isdecimal() else None

    @property
    def running(self) -> bool:
        """Whether its process runs, as far as the engine knows."""
        return self.status == "running"

    @property
    def well(self) -> bool:
        """Whether it runs and its own health check, where it has one, says that it is well."""
        return self.running and self.health in {None, "healthy"}

    @property
    def aliases(self) -> Mapping[str, frozenset[str]]:
        """The names by which it is to be found on each network once it takes traffic.

        A container that something else made says so by its endpoints; its own name and id are no alias of others.
        """
        if ALIASES in self.labels:
            told = json.loads(self.labels[ALIASES])
            return {str(network): frozenset(map(str, names)) for network, names in told.items()}
        own = {self.id[:12], self.name, self.base_name}
        return {network: names - own for network, names in self.networks.items()}

    @property
    def in_rotation(self) -> bool:
        """Whether it is to be found by the names that traffic goes to."""
        return all(names <= self.networks.get(network, frozenset()) for network, names in self.aliases.items()) and (
            set(self.aliases) <= set(self.networks)
        )

    @property
    def serves(self) -> bool:
        """Whether it belongs to those that take traffic, well or not."""
        return self.in_rotation and self.mark in {"", "leaving"}

    @property
    def stays(self) -> bool:
        """Whether it serves and is to go on doing so."""
        return self.in_rotation and self.mark == ""


def read_member(raw: Mapping[str, Any]) -> Member:
    """The member that an inspection describes.

    Raises KeyError, TypeError or ValueError where it can't be read, and PlatformError where a label of ours can't.
    """
    labels = {str(key): str(value) for key, value in (raw["Config"].get("Labels") or {}).items()}
    for key in (ALIASES, RESTART):
        if not _is_object(labels.get(key, "{}")):
            raise PlatformError(f"{str(raw['Name'])[:200]!r} has a label {key!r} that can't be read: remove that container")
    state = raw["State"]
    health = (state.get("Health") or {}).get("Status")
    endpoints = raw["NetworkSettings"].get("Networks") or {}
    return Member(
        id=str(raw["Id"]),
        name=str(raw["Name"]).removeprefix("/"),
        service=labels.get(REGION, ""),
        labels=labels,
        created_at=read_time(raw.get("Created")),
        started_at=read_time(state.get("StartedAt")),
        status=str(state["Status"]),
        health=None if health in {None, "none", ""} else str(health),
        restarts=int(raw.get("RestartCount") or 0),
        exit_code=int(state.get("ExitCode") or 0),
        error=str(state.get("Error") or ""),
        networks={str(name): frozenset((endpoint or {}).get("Aliases") or ()) for name, endpoint in endpoints.items()},
        raw=raw,
    )


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def read_time(text: object) -> datetime | None:
    """A time of the engine, aware; None for its year 1, which says "never". Nanoseconds are cut to what Python holds."""
    if not isinstance(text, str) or not text or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.replace("Z", "+00:00")))
