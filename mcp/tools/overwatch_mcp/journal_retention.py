"""Keeps the journal of operations short. The details of what ended long ago go; that it was done stays for ever.

An id that was carried out once must never be carried out again, however old: so the id of a pruned operation, the hash of what
was asked, and how it ended stay, a few hundred bytes. Asked for again, it answers with how it ended; it can't be undone any more.
What did not end, what nobody knows the end of, and the newest operation of each target keep everything.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from overwatch_mcp.clock import Clock
from overwatch_mcp.errors import JournalError
from overwatch_mcp.models import WriteResult
from overwatch_mcp.plain_text import plain

if TYPE_CHECKING:
    from overwatch_mcp.journal import Journal

STEP = 200
"""How many are pruned in one transaction; operations wait for the journal meanwhile."""
DAY_S = 86_400.0
GONE = "its details were pruned"

logger = logging.getLogger(__name__)


async def keep_short(journal: Journal, keep_days: int, clock: Clock) -> None:
    """Prune once a day until cancelled; with 0 days nothing is ever pruned."""
    while keep_days:
        try:
            while await journal.prune(clock.now() - timedelta(days=keep_days)) == STEP:
                pass
        except JournalError as error:
            logger.warning("nothing was pruned: %s", error)
        await clock.sleep(DAY_S)


def prune(database: sqlite3.Connection, before: datetime) -> int:
    """Take away the details of some operations that ended before then, inside the caller's transaction; how many."""
    rows = database.execute(
        "SELECT operation_id, arguments, result FROM operations WHERE pruned_at IS NULL AND finished_at < ? "
        "AND status IN ('succeeded', 'failed', 'refused') "
        "AND rowid NOT IN (SELECT max(rowid) FROM operations GROUP BY target) ORDER BY rowid LIMIT ?",
        (before.isoformat(), STEP),
    ).fetchall()
    for operation_id, arguments, result in rows:
        region = json.loads(arguments).get("region")  # what later undoings have to know of it
        database.execute(
            "UPDATE operations SET arguments = ?, state_before = '{}', inverse = NULL, command = '', continuation = NULL, "
            "result = ?, pruned_at = ? WHERE operation_id = ?",
            (json.dumps({} if region is None else {"region": region}), _short(result), before.isoformat(), operation_id),
        )
    return len(rows)


def _short(result: str) -> str:
    ended = WriteResult.model_validate_json(result)
    summary = f"{plain(ended.summary, 200)} ({GONE})"
    error = None if ended.error is None else plain(ended.error, 200)
    gone = {"summary": summary, "error": error, "state_before": None, "state_after": None, "inverse": None, "command": ""}
    return ended.model_copy(update=gone).model_dump_json()
