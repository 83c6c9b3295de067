"""What a report is made of, whatever it is written as. Texts are plain; whoever writes them out makes them harmless."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """Something to be typed or compared letter by letter: a command, a call, a hash."""

    text: str


@dataclass(frozen=True, slots=True)
class Strong:
    """Words that are to be seen first."""

    text: str


Inline = str | Code | Strong
Cell = tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Words; `note` marks what is said about the report itself."""

    words: Cell
    note: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below their heads; `numbers` are the columns that are set to the right."""

    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbers: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Listing:
    """Points, one below the other."""

    items: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Plots:
    """Where the plots stand, in what can show them."""


@dataclass(frozen=True, slots=True)
class Heading:
    """Begins a part of a section."""

    words: Cell


Block = Paragraph | Table | Listing | Plots | Heading


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, and what stands below it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report. `tone` says how the incident stands: `ok`, `warn` or `fail`."""

    title: str
    state: str
    tone: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]


def words(*inlines: Inline) -> Cell:
    """Inline pieces as one cell."""
    return inlines


def table(heads: Sequence[str], rows: Sequence[Sequence[Cell | Inline]], numbers: Sequence[int] = ()) -> Table:
    """A table of cells, each one piece or several."""
    made = tuple(tuple(cell if isinstance(cell, tuple) else (cell,) for cell in row) for row in rows)
    return Table(tuple(heads), made, frozenset(numbers))
