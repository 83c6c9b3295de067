"""The query API of Log Analytics over the replicas' log files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mini_app.local_azure import kql, log_files
from mini_app.local_azure.arm_errors import ArmError
from mini_app.local_azure.durations import span
from mini_app.local_azure.meter import utc_now
from mini_app.local_azure.routes import Routes, Where

PATH = "/v1/workspaces/{workspace}/query"


class _Asked(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, defer_build=True)

    query: str = Field(max_length=4000)
    timespan: str | None = Field(None, max_length=100)


class Logs:
    """One workspace over one folder."""

    def __init__(self, folder: Path, workspace: str, now: Callable[[], datetime] = utc_now) -> None:
        self._folder = folder
        self._workspace = workspace
        self._now = now

    def add_to(self, routes: Routes) -> None:
        """Add the address."""
        routes.add("POST", PATH, self._query)

    async def _query(self, request: web.Request, where: Where) -> web.Response:
        if where["workspace"].lower() != self._workspace.lower():
            raise ArmError(404, "WorkspaceNotFoundError", f"there is no workspace {where['workspace']!r}")
        now = self._now()
        try:
            asked = _Asked.model_validate_json(await request.read())
            query = kql.parse(asked.query)
            begin, end = span(asked.timespan, now) if asked.timespan else (None, None)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            return _refused("RequestError", first["msg"])
        except ValueError as error:
            return _refused("SyntaxError", str(error))
        if query.age is not None:
            begin = max(begin or now - query.age, now - query.age)
        lines = await asyncio.to_thread(log_files.newest, self._folder, query, begin, end)
        columns = [{"name": name, "type": kql.COLUMNS[name]} for name in query.columns]
        rows = [[line.column(name) for name in query.columns] for line in lines]
        return web.json_response({"tables": [{"name": "PrimaryResult", "columns": columns, "rows": rows}]})


def _refused(code: str, text: str) -> web.Response:
    error: dict[str, Any] = {
        "message": "The request had some invalid properties",
        "code": "BadArgumentError",
        "innererror": {"code": code, "message": text},
    }
    return web.json_response({"error": error}, status=400)
