"""Faults of ARM itself, told beforehand: calls that are refused, answered late, or lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from mini_app.local_azure.arm_errors import ArmError

MOST_FAULTS = 100
SLOW = web.RequestKey("slow", float)
"""How many seconds longer than its work the operation of a request shall last. Whoever starts one takes it."""

_CONFLICTS = {"microsoft.app": "ContainerAppOperationInProgress", "microsoft.cdn": "Conflict"}


class FaultSpec(BaseModel):
    """Which calls a fault strikes, how, and how often. An empty method or path stands for any."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    method: str = Field("", max_length=10)
    path: str = Field("", max_length=300)
    kind: Literal["conflict", "throttle", "error", "lose_before", "lose_after", "slow"]
    times: Annotated[int, Field(ge=1, le=1000)] = 1
    retry_after: Annotated[int, Field(ge=0, le=3600)] = 1
    seconds: Annotated[float, Field(ge=0, le=600)] = 2
    status: Annotated[int, Field(ge=400, le=599)] = 500


@dataclass(slots=True)
class _Armed:
    spec: FaultSpec
    struck: int = 0


class ArmFaults:
    """The faults that were ordered, in their order: a call suffers the first that fits and is left."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []

    def add(self, spec: FaultSpec) -> None:
        """Order one more. Raises ValueError where there are too many."""
        if len(self._armed) >= MOST_FAULTS:
            raise ValueError(f"there are {MOST_FAULTS} faults: clear them first")
        self._armed.append(_Armed(spec))

    def clear(self) -> None:
        """Forget all of them."""
        self._armed = []

    def described(self) -> list[dict[str, Any]]:
        """Each with how often it struck and how often it still will."""
        return [{**one.spec.model_dump(), "struck": one.struck, "left": one.spec.times - one.struck} for one in self._armed]

    async def strike(self, request: web.Request, handle: Callable[[], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
        """Answer a call as the fault that strikes it says, or as `handle` does. Raises ArmError."""
        fault = self._next(request)
        if fault is None:
            return await handle()
        match fault.kind:
            case "conflict":
                raise _conflict(request)
            case "throttle":
                headers = {"Retry-After": str(fault.retry_after)}
                text = f"The request was throttled: try again after {fault.retry_after} seconds"
                raise ArmError(429, "TooManyRequests", text, headers)
            case "error":
                raise ArmError(fault.status, _code(fault.status), "There was an unexpected error: it was asked for")
            case "lose_before":
                return _cut(request)
            case "lose_after":
                await handle()
                return _cut(request)
            case "slow":
                request[SLOW] = fault.seconds
                answer = await handle()
                await asyncio.sleep(taken(request))  # nothing lasts here but the answer itself
                return answer

    def _next(self, request: web.Request) -> FaultSpec | None:
        path = request.path.lower()
        for one in self._armed:
            spec = one.spec
            fits = spec.method.upper() in {"", request.method} and spec.path.lower() in path
            if fits and one.struck < spec.times:
                one.struck += 1
                return spec
        return None


def taken(request: web.Request) -> float:
    """The seconds that an operation shall last longer, for the one who asks first; 0 afterwards, and where no fault struck."""
    seconds: float = request.get(SLOW, 0.0)
    request[SLOW] = 0.0
    return seconds


def _code(status: int) -> str:
    """Azure's code for a status, which mostly is the status's own name."""
    known = {403: "AuthorizationFailed", 404: "ResourceNotFound"}
    try:
        return known.get(status) or HTTPStatus(status).phrase.replace(" ", "")
    except ValueError:
        return "UnknownError"


def _conflict(request: web.Request) -> ArmError:
    path = request.path.lower()
    code = next((code for provider, code in _CONFLICTS.items() if provider in path), "AnotherOperationInProgress")
    return ArmError(409, code, "Another operation on this resource is in progress: try again when it is over")


def _cut(request: web.Request) -> web.StreamResponse:
    """End the connection at once; what is returned is never sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
