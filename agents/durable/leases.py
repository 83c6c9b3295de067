"""Leases: which incident may change a target, until when, and on how many targets the swarm acts at once.

A lease has an epoch that grows with each change of hands; the MCP server refuses one that is lower than the highest it has seen,
so that a holder that was overtaken can do no more. Every function runs inside a transaction, so that whoever counts also acts.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, Row, func, insert, select, update

from agents.durable import schema as s
from agents.incident import BUSY
from agents.seams import RetryLaterError

LEASE_SECONDS = 300.0
"""How long a lease counts where nobody renews it."""
RENEW_SECONDS = LEASE_SECONDS / 3
"""How often whoever waits for a long operation renews its lease."""
WAIT_SECONDS = 1.0


def holds(connection: Connection, target: str, holder: str) -> bool:
    """Whether nobody else has held the lease on a target since `holder` took it."""
    return connection.execute(select(s.lease.c.holder).where(s.lease.c.name == target)).scalar() == holder


def take(connection: Connection, target: str, holder: str, now: datetime, most: int, above: int = 0) -> int:
    """Take, keep or take over the lease on a target; its epoch. At most `most` targets are acted upon at the same time.

    A new epoch is above the one before, and `above` what the server has seen: a database that was restored from an older copy
    would hand out epochs that the server refuses.

    Raises RetryLaterError while another incident changes the target, or while enough other targets are being changed.
    """
    row = connection.execute(select(s.lease).where(s.lease.c.name == target)).first()
    if row is not None and row.holder != holder and _is_live(connection, row, now):
        raise RetryLaterError(f"another incident is changing {target}: {row.holder}", WAIT_SECONDS, counted=False)
    others = sorted(
        other.name
        for other in connection.execute(select(s.lease).where(s.lease.c.name != target)).all()
        if _is_live(connection, other, now)
    )
    if len(others) >= most:
        raise RetryLaterError(
            f"{', '.join(others)} are being changed, policy.max_concurrent is {most}: {target} waits for its turn",
            WAIT_SECONDS,
            counted=False,
        )
    expires = (now + timedelta(seconds=LEASE_SECONDS)).timestamp()
    if row is None:
        connection.execute(insert(s.lease).values(name=target, holder=holder, epoch=above + 1, expires=expires))
        return above + 1
    epoch: int = row.epoch if row.holder == holder else max(row.epoch, above) + 1
    values = {"holder": holder, "epoch": epoch, "expires": expires}
    connection.execute(update(s.lease).where(s.lease.c.name == target).values(values))
    return epoch


def must_hold(connection: Connection, target: str, holder: str, epoch: int) -> None:
    """Raises RetryLaterError where the lease was taken over: what its holder was about to do is not done."""
    row = connection.execute(select(s.lease).where(s.lease.c.name == target)).first()
    if row is None or (row.holder, row.epoch) != (holder, epoch):
        raise RetryLaterError(f"the lease on {target} was taken over", WAIT_SECONDS, counted=False)


def renew(connection: Connection, target: str, holder: str, epoch: int, now: datetime) -> bool:
    """Let a lease count anew, for an operation that takes long; False where it was taken over."""
    mine = (s.lease.c.name == target) & (s.lease.c.holder == holder) & (s.lease.c.epoch == epoch)
    expires = (now + timedelta(seconds=LEASE_SECONDS)).timestamp()
    return connection.execute(update(s.lease).where(mine).values(expires=expires)).rowcount == 1


def _is_live(connection: Connection, lease: Row[tuple[object, ...]], now: datetime) -> bool:
    """Whether its holder still acts: its incident is being changed or judged, or an operation of it has not ended."""
    if lease.expires <= now.timestamp():
        return False
    status = connection.execute(select(s.incident.c.status).where(s.incident.c.id == lease.holder)).scalar()
    if status in BUSY:
        return True
    begun = (s.intent.c.incident == lease.holder) & (s.intent.c.status == "started")
    here = func.json_extract(s.intent.c.arguments, "$.target") == lease.name
    return connection.execute(select(s.intent.c.operation).where(begun & here)).first() is not None
