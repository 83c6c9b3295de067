r"""The few families that Sentry wants out of a page in Prometheus' text format.

A line filter on wanted names, then one regular expression: six times as fast as a full parser, which matters because a page of
a few hundred kilobytes would otherwise hold up the loop. Format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MOST_SAMPLES = 50_000
LONGEST_LINE = 4_096
MOST = 1e15
"""No size, count or time of a target is larger: what says so is no measurement, and whoever reads along could not take it."""

_SAMPLE = re.compile(r'([a-zA-Z_:][\w:]*)(?:\{((?:[^"{}]|"(?:[^"\\]|\\.)*")*)\})?[ \t]+(\S+)')
_LABEL = re.compile(r'([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "\\": "\\", '"': '"'}


@dataclass(frozen=True, slots=True)
class Sample:
    """One line: `name{labels} value`. Label values are raw text from outside."""

    name: str
    labels: Mapping[str, str]
    value: float


def samples(page: str, wanted: frozenset[str]) -> Iterator[Sample]:
    """The samples whose name is in `wanted`, at most MOST_SAMPLES; whatever is not a valid line is passed over."""
    prefixes = tuple(wanted)
    count = 0
    for line in page.split("\n"):
        if not line.startswith(prefixes) or len(line) > LONGEST_LINE:
            continue
        match = _SAMPLE.match(line)
        if match is None or match[1] not in wanted:
            continue
        try:
            value = float(match[3])
        except ValueError:
            continue
        yield Sample(match[1], _labels(match[2]) if match[2] else {}, value)
        count += 1
        if count >= MOST_SAMPLES:
            return


def _labels(raw: str) -> dict[str, str]:
    found = {}
    for name, value in _LABEL.findall(raw):
        found[name] = _ESCAPE.sub(lambda m: _ESCAPED.get(m[1], m[0]), value) if "\\" in value else value
    return found
