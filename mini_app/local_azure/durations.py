"""Spans of time as Azure Monitor takes them: ISO 8601 durations, and a begin and an end."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

LONGEST = timedelta(days=31)

_DURATION = re.compile(
    r"P(?:(?P<days>\d{1,3})D)?(?:T(?:(?P<hours>\d{1,4})H)?(?:(?P<minutes>\d{1,5})M)?(?:(?P<seconds>\d{1,7}(?:\.\d{1,7})?)S)?)?"
)


def duration(text: str) -> timedelta:
    """A duration such as PT1M or P1DT12H. Raises ValueError where it is none, is zero, or is longer than 31 days."""
    match = _DURATION.fullmatch(text)
    given = {name: float(value) for name, value in match.groupdict().items() if value} if match else {}
    length = timedelta(**given)
    if not timedelta(0) < length <= LONGEST:
        raise ValueError(f"{text[:60]!r} is no duration of up to 31 days, such as PT1H")
    return length


def span(text: str, now: datetime) -> tuple[datetime, datetime]:
    """Begin and end of `PT1H` (up to now), of `begin/end` or of `begin/PT1H`. Raises ValueError."""
    first, slash, second = unquote(text).partition("/")  # the Azure CLI escapes it twice
    if not slash:
        return now - duration(first), now
    begin = _moment(first)
    end = begin + duration(second) if second.startswith("P") else _moment(second)
    if not begin < end <= begin + LONGEST:
        raise ValueError(f"{text[:90]!r} does not go forward by up to 31 days")
    return begin, end


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text.strip().replace(" ", "+"))  # a plus that a query did not escape
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
