"""The track record: verified outcomes, weighted by age, target and whether they were simulated."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from agents.durable import schema as s
from agents.seams import OutcomeRecord, Record

HALF_LIFE_DAYS = 90.0
OTHER_TARGET = 0.5
OTHER_SIMULATED = 0.25
SIMULATED_CAP = 5.0
"""What all drills elsewhere may weigh for one fault class. The newest count first, so that a new failure is never crowded out."""
PRIOR_RATE = 0.85
PRIOR_WEIGHT = 8.0


def remember(connection: Connection, record: OutcomeRecord) -> None:
    """Add one outcome; the same operation counts once."""
    values = {
        "operation": record.operation,
        "target": record.target,
        "action": record.action,
        "fault_class": record.fault_class,
        "succeeded": record.succeeded,
        "simulated": record.simulated,
        "at": record.at.isoformat(),
        "confidence": record.confidence.value if record.confidence else None,
        "track_record": record.confidence.track_record if record.confidence else None,
        "evidence": record.confidence.evidence if record.confidence else None,
        "word": record.confidence.word if record.confidence else None,
        "decided_by": record.decided_by,
    }
    connection.execute(insert(s.outcome).values(values).on_conflict_do_nothing())


def read(connection: Connection, action: str, fault_class: str, target: str, now: datetime) -> Record:
    """The weighted record of one action against one fault class, and the action's rate over all classes."""
    rows = connection.execute(select(s.outcome).where(s.outcome.c.action == action).order_by(s.outcome.c.at.desc())).all()
    good = bad = all_good = all_ = 0.0
    left: defaultdict[str, float] = defaultdict(lambda: SIMULATED_CAP)
    for row in rows:
        age = max(0.0, (now - datetime.fromisoformat(row.at)).total_seconds() / 86_400)
        weight = 0.5 ** (age / HALF_LIFE_DAYS)
        if row.target != target:
            weight *= OTHER_SIMULATED if row.simulated else OTHER_TARGET
            if row.simulated:
                weight = min(weight, left[row.fault_class])
                left[row.fault_class] -= weight
        all_ += weight
        all_good += weight * row.succeeded
        if row.fault_class == fault_class:
            good += weight * row.succeeded
            bad += weight * (not row.succeeded)
    rate = (PRIOR_RATE * PRIOR_WEIGHT + all_good) / (PRIOR_WEIGHT + all_)
    return Record(successes=good, failures=bad, parent_rate=rate)
