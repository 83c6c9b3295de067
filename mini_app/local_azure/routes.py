"""Which handler serves a path. ARM's paths mean the same in upper and lower case, which aiohttp's own router can't say."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import unquote

from aiohttp import web

from mini_app.local_azure.arm_errors import ArmError

Where = Mapping[str, str]
"""The named steps of a path, as they were written."""
Handler = Callable[[web.Request, Where], Awaitable[web.StreamResponse]]

_NAMED = re.compile(r"\{(\w+)\}")


class Routes:
    """Paths with `{named}` steps, each a step of its own, and their handlers by method."""

    def __init__(self) -> None:
        self._table: list[tuple[str, re.Pattern[str], Handler]] = []

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Serve a path."""
        parts = _NAMED.split(path)
        pattern = "".join(f"(?P<{part}>[^/]+)" if n % 2 else re.escape(part) for n, part in enumerate(parts))
        self._table.append((method, re.compile(pattern, re.IGNORECASE), handler))

    def find(self, request: web.Request) -> tuple[Handler, Where]:
        """The handler of a request. Raises ArmError where there is none, 405 where another method is served."""
        path = request.rel_url.raw_path.rstrip("/")
        others = False
        for method, pattern, handler in self._table:
            if (found := pattern.fullmatch(path)) is None:
                continue
            if method == request.method:
                return handler, {name: unquote(step) for name, step in found.groupdict().items()}
            others = True
        if others:
            raise ArmError(405, "MethodNotAllowed", f"{request.method} is not served for {request.path}")
        raise ArmError(404, "ResourceNotFound", f"{request.method} {request.path} is not served here")
