"""Reads the catalogue's TOML into frozen values, and refuses one that contradicts itself."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.facts import ActionKind, ToolName

T = TypeVar("T")


class CatalogueError(ValueError):
    """The catalogue contradicts itself; the text names the entry."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FaultClass(_Entry):
    """One class of fault. `right` are its remedies in the order in which they are tried, `harmful` make it worse."""

    id: str
    about: str
    prior: float = Field(gt=0, lt=1)
    right: tuple[ActionKind, ...] = ()
    harmful: tuple[ActionKind, ...] = ()


class ActionSpec(_Entry):
    """One action. `reversible` says that it has an inverse or leaves the configuration as it was (`harmless`).

    `tool` is the only one that carries it out; without one it touches nothing.
    """

    kind: ActionKind
    tool: ToolName | None = None
    about: str
    reversible: bool
    harmless: bool = False
    expected_effect: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All fault classes and actions, by name."""

    faults: Mapping[str, FaultClass]
    actions: Mapping[str, ActionSpec]

    def fault(self, id_: str) -> FaultClass:
        """A fault class. Raises KeyError with the known names."""
        if id_ not in self.faults:
            raise KeyError(f"{id_!r} is not a fault class; known: {sorted(self.faults)}")
        return self.faults[id_]

    def action(self, kind: str) -> ActionSpec:
        """An action. Raises KeyError with the known names."""
        if kind not in self.actions:
            raise KeyError(f"{kind!r} is not an action; known: {sorted(self.actions)}")
        return self.actions[kind]

    def harmful(self, fault_class: str) -> frozenset[str]:
        """The actions that make a fault worse; of a class that is not known, every action that touches something."""
        if fault_class not in self.faults:
            return frozenset(self.actions) - {"page_person", "do_nothing"}
        return frozenset(self.faults[fault_class].harmful)


def load_catalogue() -> Catalogue:
    """The catalogue that ships with the package. Raises CatalogueError where it contradicts itself."""
    return read_catalogue(resources.files("agents.catalogue").joinpath("catalogue.toml").read_text(encoding="utf-8"))


def read_catalogue(text: str) -> Catalogue:
    """A catalogue written as TOML. Raises CatalogueError where it contradicts itself."""
    try:
        table = tomllib.loads(text)
        faults = _by_name([(f.id, f) for f in map(FaultClass.model_validate, table["fault"])])
        actions = _by_name([(a.kind, a) for a in map(ActionSpec.model_validate, table["action"])])
    except (tomllib.TOMLDecodeError, ValidationError, KeyError) as error:
        raise CatalogueError(f"the catalogue can't be read: {error}") from error
    for fault in faults.values():
        both = set(fault.right) & set(fault.harmful)
        if both:
            raise CatalogueError(f"{fault.id!r} calls {sorted(both)} both right and harmful")
        unknown = {*fault.right, *fault.harmful} - set(actions)
        if unknown:
            raise CatalogueError(f"{fault.id!r} names {sorted(unknown)}, which are no actions")
    return Catalogue(faults, actions)


def _by_name(entries: Sequence[tuple[str, T]]) -> Mapping[str, T]:
    """The entries by name. Raises CatalogueError for a name that is given twice: the second would hide the first."""
    found: dict[str, T] = {}
    for name, entry in entries:
        if name in found:
            raise CatalogueError(f"{name!r} is there twice")
        found[name] = entry
    return found
