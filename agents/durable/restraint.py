"""What keeps an effect back at the last moment, whatever was decided before: a pause, a window, and traffic that flaps.

Every function runs inside the transaction that makes the effect's intent durable: nothing comes between the look and the record.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from agents.durable import log
from agents.durable import schema as s
from agents.facts import Call
from agents.policy_settings import PolicySettings
from agents.seams import RetryLaterError
from agents.windows import active

PAUSE_SECONDS = 0.5
WINDOW_SECONDS = 5.0
POLICY = "policy"


def must_be_armed(connection: Connection) -> None:
    """Raises RetryLaterError while automation is paused."""
    row = connection.execute(select(s.automation)).first()
    if row is not None and row.paused:
        raise RetryLaterError("automation is paused", PAUSE_SECONDS, counted=False)


def must_be_open(policy: PolicySettings, target: str, now: datetime) -> None:
    """Raises RetryLaterError in a freeze or a maintenance window of the target: approved work and undoing wait for its end."""
    held = active(policy.windows, target, now)
    if held is not None:
        wait = min(WINDOW_SECONDS, max(PAUSE_SECONDS, (held.until - now).total_seconds()))
        raise RetryLaterError(f"{held.describe()} holds {target}: nothing is carried out", wait, counted=False)


def flapping(
    connection: Connection, call: Call, operation: str, incident: str, policy: PolicySettings, now: datetime
) -> str | None:
    """Why traffic must not be moved once more by the swarm itself; None lets it pass.

    The gate counts as well, from what agents reported. This counts what was begun, undoing included, so that no fault in between
    can make users go to and fro: at most `max_switches` in `switch_window_s`. What a person decided is counted, and passes.
    """
    if call.tool != "switch_traffic" or not _is_automatic(connection, incident):
        return None
    window = timedelta(seconds=max(policy.switch_window_s, policy.hold_down_s))
    here = func.json_extract(s.intent.c.arguments, "$.target") == call.target
    moved = (s.intent.c.tool == "switch_traffic") & here & (s.intent.c.status != "refused") & (s.intent.c.operation != operation)
    rows = connection.execute(select(s.intent.c.operation, s.intent.c.started).where(moved)).all()
    ages = [(row.operation, now - datetime.fromisoformat(row.started)) for row in rows]
    recent = [(name, age) for name, age in ages if age < window]
    counted = [age for _, age in recent if age < timedelta(seconds=policy.switch_window_s)]
    if len(counted) >= policy.max_switches:
        return (
            f"traffic of {call.target} was moved {len(counted)} times within {policy.switch_window_s:.0f} s, "
            f"{policy.max_switches} are allowed: users stay where they are"
        )
    others = [age for name, age in recent if _plan(name) != _plan(operation) and age < timedelta(seconds=policy.hold_down_s)]
    if others:
        return (
            f"traffic of {call.target} was moved {min(others).total_seconds():.0f} s ago, "
            f"the hold-down is {policy.hold_down_s:.0f} s: users stay where they are"
        )
    return None


def _is_automatic(connection: Connection, incident: str) -> bool:
    """Whether no person decided on what is done; nobody known counts as nobody."""
    known = log.read_incident(connection, incident)
    return known is None or known.decided_by in {None, POLICY}


def _plan(operation: str) -> str:
    """The strategy that an operation is a step of: its steps and their undoing don't hold each other down."""
    return operation.rpartition(":")[0]
