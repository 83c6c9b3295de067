"""A report as Markdown (CommonMark with tables, as GitHub reads it). No text in it is read as markup, a link or HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from agents.sanitize import clean
from overwatch_tui.report.document import Block, Cell, Code, Document, Heading, Inline, Listing, Paragraph, Plots, Strong, Table

LIMIT = 4_000
"""The longest text of one piece."""

_SPECIAL = re.compile(r"[\\`*\[\]<>|~&#$!{}]")
_UNDERSCORE = re.compile(r"(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")
_LINKS = re.compile(r":(?=//)|@|(?<=www)\.|(?<=xmpp):|(?<=mailto):", re.IGNORECASE)
_START = re.compile(r"^([-+=]+(?=\s|$)|\d+(?=[.)](?:\s|$)))")
_TICKS = re.compile(r"`+")


def write(document: Document) -> str:
    """The document as Markdown."""
    return "\n".join(_lines(document)).rstrip("\n") + "\n"


def escape(text: str) -> str:
    """Words that stand for themselves, wherever they stand."""
    tame = _SPECIAL.sub(lambda found: "\\" + found[0], clean(text, LIMIT).strip())
    tame = _UNDERSCORE.sub(r"\\_", tame)
    tame = _LINKS.sub(lambda found: "\\" + found[0], tame)
    return _START.sub(_at_the_start, tame, count=1)


def _at_the_start(found: re.Match[str]) -> str:
    return f"{found[1]}\\" if found[1].isdigit() else f"\\{found[1]}"


def code(text: str) -> str:
    """Words in a code span, whatever ticks they hold. A bar would end a table's cell even here."""
    tame = clean(text, LIMIT).strip().replace("|", "\\|")
    if not tame:
        return ""
    fence = "`" * (max((len(ticks) for ticks in _TICKS.findall(tame)), default=0) + 1)
    space = " " if tame.startswith("`") or tame.endswith("`") else ""
    return f"{fence}{space}{tame}{space}{fence}"


def _lines(document: Document) -> Iterator[str]:
    yield f"# {escape(document.title)}"
    yield ""
    yield from _table(Table(("", ""), tuple(((name,), (value,)) for name, value in (("state", document.state), *document.facts))))
    for section in document.sections:
        blocks = [block for block in section.blocks if not isinstance(block, Plots)]
        if not blocks:
            continue
        yield f"## {escape(section.title)}"
        yield ""
        for block in blocks:
            yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Heading():
            yield f"### {_cell(block.words)}"
            yield ""
        case Paragraph():
            words = _cell(block.words)
            yield f"*{words}*" if block.note else words
            yield ""
        case Listing():
            yield from (f"- {_cell(item)}" for item in block.items)
            yield ""
        case Table():
            yield from _table(block)
        case Plots():
            return


def _table(table: Table) -> Iterator[str]:
    yield _row(escape(head) for head in table.heads)
    yield _row("---:" if n in table.numbers else "---" for n in range(len(table.heads)))
    yield from (_row(_cell(cell) for cell in row) for row in table.rows)
    yield ""


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(cell: Cell) -> str:
    return " ".join(part for piece in cell if (part := _inline(piece)))


def _inline(piece: Inline) -> str:
    match piece:
        case Code():
            return code(piece.text)
        case Strong():
            return f"**{escape(piece.text)}**"
    return escape(piece)
