"""What can go wrong with the log; every message says the remedy."""

from __future__ import annotations


class DurableError(RuntimeError):
    """The database can't be used, or refused a command."""


class StorageError(DurableError):
    """The file can't be read or written now: a full disk, a lock, rights, a file that was taken away. Nothing was kept.

    It is nobody's failure: what met it waits until the file can be written again, and is then done anew.
    """


class LockedError(DurableError):
    """Another process runs the swarm of this database."""


class NewerDatabaseError(DurableError):
    """The database was written by a newer version."""


class ConflictError(DurableError):
    """The incident has changed since it was read; look again."""


class ApprovalError(DurableError):
    """The decision was not taken; the message says why."""
