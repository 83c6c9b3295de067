"""Takes secrets out of what is logged: the text of an error, and its traceback, may hold what a library was called with."""

from __future__ import annotations

import logging

from overwatch_mcp.redact import redact


class CleanFormatter(logging.Formatter):
    """What another formatter makes of a record, without secrets."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """The record as text, its traceback included."""
        return redact(self._inner.format(record))


def take_secrets_out() -> None:
    """Let every handler of the root logger write through a `CleanFormatter`. Doing it again changes nothing."""
    for handler in logging.getLogger().handlers:
        if not isinstance(handler.formatter, CleanFormatter):
            handler.setFormatter(CleanFormatter(handler.formatter or logging.Formatter()))
