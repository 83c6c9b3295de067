"""The one kind of query that the local Log Analytics answers, read step by step; anything else is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

TABLE = "ContainerAppConsoleLogs_CL"
COLUMNS = {
    "TimeGenerated": "datetime",
    "ContainerAppName_s": "string",
    "RevisionName_s": "string",
    "ContainerGroupName_s": "string",
    "ContainerName_s": "string",
    "Stream_s": "string",
    "Log_s": "string",
}
MOST_ROWS = 10_000

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_EQUALS = re.compile(r"""where (ContainerAppName_s|RevisionName_s|ContainerGroupName_s) ?== ?(["'])([\w.-]{1,200})\2""")
_SINCE = re.compile(r"where TimeGenerated ?> ?ago ?\( ?(\d{1,6})([smhd]) ?\)")
_TOP = re.compile(r"top (\d{1,6}) by TimeGenerated desc")
_PROJECT = re.compile(r"project (\w+(?: ?, ?\w+)*)")


class QueryError(ValueError):
    """A query that is not of the known form; the text says which step."""


@dataclass(frozen=True, slots=True)
class LogQuery:
    """The newest `top` lines of an app, and which columns of them."""

    app: str
    top: int
    revision: str | None = None
    replica: str | None = None
    age: timedelta | None = None
    columns: tuple[str, ...] = tuple(COLUMNS)


def parse(text: str) -> LogQuery:
    """Read a query of this form.

    ContainerAppConsoleLogs_CL | where ContainerAppName_s == "…" [| where RevisionName_s == "…"]
    [| where ContainerGroupName_s == "…"] [| where TimeGenerated > ago(1h)] | top N by TimeGenerated desc [| project …]

    Raises QueryError for anything else. No value may hold a bar, so that the steps can be told apart.
    """
    table, *steps = (re.sub(r"\s+", " ", step).strip() for step in text.split("|"))
    if table != TABLE:
        raise QueryError(f"the table {table[:100]!r} is not known here")
    found: dict[str, str] = {}
    for step in steps:
        _read(step, found)
    if "ContainerAppName_s" not in found or "top" not in found:
        raise QueryError("the query must say ContainerAppName_s and top")
    return LogQuery(
        app=found["ContainerAppName_s"],
        top=int(found["top"]),
        revision=found.get("RevisionName_s"),
        replica=found.get("ContainerGroupName_s"),
        age=timedelta(seconds=float(found["age"])) if "age" in found else None,
        columns=tuple(found["project"].split(",")) if "project" in found else tuple(COLUMNS),
    )


def _read(step: str, found: dict[str, str]) -> None:
    forms: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], tuple[str, str]]], ...] = (
        (_EQUALS, lambda m: (m[1], m[3])),
        (_SINCE, lambda m: ("age", str(timedelta(**{_UNITS[m[2]]: int(m[1])}).total_seconds()))),
        (_TOP, lambda m: ("top", m[1])),
        (_PROJECT, lambda m: ("project", m[1].replace(" ", ""))),
    )
    for form, value_of in forms:
        if (match := form.fullmatch(step)) is None:
            continue
        name, value = value_of(match)
        after_top = "top" in found and name != "project"
        if name in found or after_top or "project" in found or (name == "project" and "top" not in found):
            raise QueryError(f"the step {step[:100]!r} comes twice, or in the wrong place")
        if name == "top" and not 1 <= int(value) <= MOST_ROWS:
            raise QueryError(f"top takes 1 to {MOST_ROWS}, not {value}")
        if name == "project" and (unknown := set(value.split(",")) - set(COLUMNS)):
            raise QueryError(f"the columns {sorted(unknown)} are not known here")
        found[name] = value
        return
    raise QueryError(f"the step {step[:100]!r} is not known here")
