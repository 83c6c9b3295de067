"""What the replicas wrote, from Log Analytics.

The log stream of a container app would be fresher, but the token that opens it opens a shell in the container as well: an
identity that may read logs there may run commands. Log Analytics lags behind by a minute or some more.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from azure.monitor.query import LogsQueryPartialResult
from azure.monitor.query.aio import LogsQueryClient

from overwatch_mcp.azure_errors import mapped
from overwatch_mcp.azure_readings import in_utc
from overwatch_mcp.azure_session import AzureSession, BoundedRetry, OnlyTo
from overwatch_mcp.config import AzureTarget
from overwatch_mcp.errors import NotDoneError, PlatformError
from overwatch_mcp.models import LogLine
from overwatch_mcp.plain_text import plain

logger = logging.getLogger(__name__)

PUBLIC_LOGS = "https://api.loganalytics.io"
MOST_LINES = 1_000
LOOK_BACK = timedelta(hours=1)
SERVER_SECONDS = 15
TABLE = "ContainerAppConsoleLogs_CL"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,89}")


class AzureLogs:
    """Asks the workspace that the container apps log to."""

    def __init__(self, config: AzureTarget, session: AzureSession) -> None:
        if config.log_workspace is None:
            raise PlatformError("there are no logs to read: set the target's `log_workspace` to the workspace's customer id")
        self._workspace = config.log_workspace
        url = config.logs_url or PUBLIC_LOGS
        self._client = session.closing(
            LogsQueryClient(
                session.credential,
                endpoint=url,
                transport=session.transport,
                retry_policy=BoundedRetry(),
                per_retry_policies=[OnlyTo(url)],
            )
        )

    async def lines(self, app: str, lines: int, revision: str | None) -> list[LogLine]:
        """The last lines of an app, the oldest first; those of one revision where it is named."""
        what = f"reading the logs of {app!r}"
        query = log_query(app, lines, revision)
        with mapped(what):
            answer = await self._client.query_workspace(self._workspace, query, timespan=LOOK_BACK, server_timeout=SERVER_SECONDS)
            if isinstance(answer, LogsQueryPartialResult):
                logger.warning("%s: the workspace gave a part only: %s", what, plain(answer.partial_error, 200))
                tables = answer.partial_data
            else:
                tables = answer.tables
            rows = [dict(zip(table.columns, row, strict=True)) for table in tables for row in table.rows]
            return [_line(row) for row in reversed(rows[:MOST_LINES])]


def log_query(app: str, lines: int, revision: str | None) -> str:
    """The query in Kusto's language. Raises NotDoneError for a name that can be none: nothing else is ever put into it."""
    for name in (app, revision):
        if name is not None and not _NAME.fullmatch(name):
            raise NotDoneError(f"{name[:100]!r} can't be the name of an app or a revision: letters, digits and dashes only")
    of_revision = "" if revision is None else f' | where RevisionName_s == "{revision}"'
    return (
        f'{TABLE} | where ContainerAppName_s == "{app}"{of_revision} | where TimeGenerated > ago(1h)'
        f" | top {min(max(lines, 1), MOST_LINES)} by TimeGenerated desc"
        " | project TimeGenerated, RevisionName_s, ContainerGroupName_s, Stream_s, Log_s"
    )


def _line(row: Mapping[str, Any]) -> LogLine:
    at = row.get("TimeGenerated")
    return LogLine(
        at=in_utc(at) if isinstance(at, datetime) else None,
        revision=_short(row.get("RevisionName_s")),
        replica=_short(row.get("ContainerGroupName_s")),
        stream=_short(row.get("Stream_s")),
        text=plain("" if row.get("Log_s") is None else row["Log_s"]),
    )


def _short(value: object) -> str | None:
    return plain(value, 100) if value else None
