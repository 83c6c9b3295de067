"""Errors in ARM's shape."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web


class ArmError(Exception):
    """An error in ARM's shape."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})

    def response(self) -> web.Response:
        """The answer that says so."""
        return web.json_response(
            {"error": {"code": self.code, "message": self.message}}, status=self.status, headers=self.headers
        )
