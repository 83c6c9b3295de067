"""What can go wrong, by what it says about the world: nothing was done, something was refused, or nobody knows."""

from __future__ import annotations


class OverwatchToolError(Exception):
    """Base of the errors that are meant for whoever called; the text says the value and the remedy."""


class ConfigError(OverwatchToolError):
    """The configuration can't be used."""


class RequestError(OverwatchToolError):
    """The request makes no sense here (unknown target, malformed id). Nothing was done."""


class JournalError(OverwatchToolError):
    """The journal can't be used, so that nothing may be done."""


class BarredError(OverwatchToolError):
    """What the journal holds forbids it: too many writes, or undone already. Nothing was done."""


class BusyError(OverwatchToolError):
    """Another process acts on the same target right now. Nothing was done."""


class PlatformError(OverwatchToolError):
    """The platform could not do it. The subclasses say what is known about the effect."""


class NotDoneError(PlatformError):
    """It certainly did not happen: the request was never sent, or was rejected."""


class DeniedError(NotDoneError):
    """The identity may not do this, or could not log in."""


class MissingError(NotDoneError):
    """The resource is not there."""


class ConflictError(NotDoneError):
    """Another operation is in progress on the resource (409)."""


class ThrottledError(NotDoneError):
    """Too many requests (429). `retry_after` is in seconds, None where the platform did not say."""

    def __init__(self, text: str, retry_after: float | None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class LostError(PlatformError):
    """The request may have arrived, but its answer was lost: observe before anything else."""
