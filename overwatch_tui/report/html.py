"""A report as one HTML file: no network, no script, and no text in it is read as markup."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from agents.sanitize import clean
from overwatch_tui.report.document import Code, Document, Heading, Inline, Listing, Paragraph, Plots, Strong, Table
from overwatch_tui.report.plots import Picture
from overwatch_tui.report.svg import draw

LIMIT = 4_000
"""The longest text of one piece."""

_KINDS = {Heading: "heading", Paragraph: "paragraph", Listing: "listing", Table: "table", Plots: "plots"}


def write(document: Document, picture: Picture | None) -> str:
    """The document as a page, with the plots where it wants them."""
    environment = Environment(
        loader=PackageLoader("overwatch_tui.report", "."),
        autoescape=select_autoescape(("html",), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(tame=_tame, kind=_kind, piece=_piece)
    style = Markup(resources.files("overwatch_tui.report").joinpath("report.css").read_text("utf-8"))  # noqa: S704 - our own file
    digest = base64.b64encode(hashlib.sha256(str(style).encode()).digest()).decode()
    plots = draw(picture) if picture is not None else Markup("")
    return environment.get_template("report.html").render(document=document, style=style, digest=digest, plots=plots)


def _tame(text: str) -> str:
    return clean(text, LIMIT)


def _kind(block: Any) -> str:
    return _KINDS[type(block)]


def _piece(inline: Inline) -> Markup:
    match inline:
        case Code():
            return Markup("<code>{}</code>").format(_tame(inline.text))
        case Strong():
            return Markup("<strong>{}</strong>").format(_tame(inline.text))
    return Markup("{}").format(_tame(inline))
