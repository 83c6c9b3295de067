"""Long-running operations: what an accepted change answers, and how it can be followed to its end."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from aiohttp import web

from mini_app.local_azure.arm_errors import ArmError
from mini_app.local_azure.documents import Ids
from mini_app.local_azure.region import ChangeError
from mini_app.local_azure.routes import Routes, Where

RETRY_AFTER = "1"
Document = dict[str, Any]

_APP = "/subscriptions/{sub}/providers/Microsoft.App/locations/{location}/containerappOperation"
_VERSION = re.compile(r"[\w.-]{1,40}")
_CDN = "/subscriptions/{sub}/resourceGroups/{rg}/providers/Microsoft.Cdn/operation"


@dataclass(frozen=True, slots=True)
class Operation:
    """One accepted change: the work (None where there was nothing to do), and the resource that it leaves behind."""

    work: asyncio.Task[None] | None
    resource: Callable[[], Document]
    started: datetime

    @property
    def error(self) -> Document | None:
        """What went wrong, once it has."""
        if self.work is None or not self.work.done():
            return None
        if self.work.cancelled():
            return {"code": "OperationCanceled", "message": "the change was cut short"}
        error = self.work.exception()
        if error is None:
            return None
        code = error.code if isinstance(error, ChangeError) else "InternalServerError"
        return {"code": code, "message": str(error) or type(error).__name__}

    @property
    def status(self) -> Literal["InProgress", "Succeeded", "Failed"]:
        """How far it is, in ARM's words."""
        if self.work is not None and not self.work.done():
            return "InProgress"
        return "Failed" if self.error else "Succeeded"


class Operations:
    """Every operation since the start, by its id: a client may ask for one as late as it likes."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._known: dict[str, Operation] = {}

    def add_to(self, routes: Routes) -> None:
        """Add the addresses at which operations are followed: one for the state, one for the resource at the end."""
        routes.add("GET", _APP + "Statuses/{id}", self._status)
        routes.add("GET", _APP + "Results/{id}", self._result)
        routes.add("GET", _CDN + "Statuses/{id}", self._status)
        routes.add("GET", _CDN + "Results/{id}", self._result)

    def of_app(self, request: web.Request, location: str, operation: Operation) -> web.Response:
        """The 202 for a change of a container app in a location."""
        return self._accepted(request, _APP.format(sub=self._ids.subscription, location=location), operation)

    def of_origin(self, request: web.Request, operation: Operation) -> web.Response:
        """The 202 for a change of a Front Door origin."""
        ids = self._ids
        return self._accepted(request, _CDN.format(sub=ids.subscription, rg=ids.resource_group), operation)

    def _accepted(self, request: web.Request, prefix: str, operation: Operation) -> web.Response:
        id_ = str(uuid.uuid4())
        self._known[id_] = operation
        asked = request.query.get("api-version", "")
        version = asked if _VERSION.fullmatch(asked) else ""  # it comes back in headers
        base = f"https://{request.host}{prefix}"
        headers = {
            "Azure-AsyncOperation": f"{base}Statuses/{id_}?api-version={version}",
            "Location": f"{base}Results/{id_}?api-version={version}",
            "Retry-After": RETRY_AFTER,
        }
        return web.json_response(operation.resource(), status=202, headers=headers)

    async def _status(self, request: web.Request, where: Where) -> web.Response:
        operation = self._find(where)
        body: Document = {
            "id": request.path,
            "name": where["id"],
            "status": operation.status,
            "startTime": operation.started.isoformat(),
        }
        if operation.error:
            body["error"] = operation.error
        return web.json_response(body, headers={"Retry-After": RETRY_AFTER})

    async def _result(self, request: web.Request, where: Where) -> web.Response:
        operation = self._find(where)
        if operation.status == "InProgress":
            return web.Response(status=202, headers={"Location": str(request.url), "Retry-After": RETRY_AFTER})
        if operation.error:
            raise ArmError(400, operation.error["code"], operation.error["message"])
        return web.json_response(operation.resource())

    def _find(self, where: Where) -> Operation:
        operation = self._known.get(where["id"])
        if operation is None or where["sub"] != self._ids.subscription:
            raise ArmError(404, "ResourceNotFound", f"there is no operation {where['id']!r}")
        return operation


def started(work: asyncio.Task[None] | None, resource: Callable[[], Document]) -> Operation:
    """An operation that begins now."""
    return Operation(work, resource, datetime.now(UTC))
