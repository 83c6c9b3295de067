"""Long operations of the Resource Manager, followed to their end: in this process, or in another one after it.

A continuation is JSON of our own: the address that the platform gave for asking how the operation goes, and what kind of
answer that address has. The SDK's own token holds the whole request and answer, is tied to the version of azure-core that
wrote it, and sends the bearer token to whichever host is named in it. This one is read with suspicion, although it comes
from our own journal: only an address of the very Resource Manager of the target is ever asked.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.core.utils import case_insensitive_dict

from overwatch_mcp.azure_errors import mapped, retry_after
from overwatch_mcp.clock import Clock
from overwatch_mcp.errors import DeniedError, MissingError, NotDoneError, PlatformError, ThrottledError
from overwatch_mcp.plain_text import plain

logger = logging.getLogger(__name__)

FOLLOW_SECONDS = 3600.0
"""The longest that an operation is followed; the public Front Door can need many minutes."""
BLIND_SECONDS = 30.0
"""How long nothing may be heard before the reads are left to decide."""
SHORTEST_PAUSE, FIRST_PAUSE, LONGEST_PAUSE = 0.1, 0.5, 15.0
_CHARACTERS = 4_000

Ask = Callable[..., Awaitable[AsyncHttpResponse]]


@dataclass(frozen=True, slots=True)
class Continuation:
    """Where to ask, and how to read the answer.

    - status: a document whose `status` says how far it is (Azure-AsyncOperation)
    - location: 202 until it is done (Location)
    """

    kind: Literal["status", "location"]
    url: str

    def text(self) -> str:
        """What goes into the journal."""
        return json.dumps({"kind": self.kind, "url": self.url})

    @classmethod
    def read(cls, text: str, arm_url: str) -> Continuation | None:
        """The continuation that a text holds; None where it holds none, or one of another place."""
        try:
            content = json.loads(text[:_CHARACTERS])
            kind, url = content["kind"], content["url"]
        except (ValueError, TypeError, KeyError):
            return None
        if kind not in {"status", "location"} or not isinstance(url, str) or not _is_usable(url, arm_url):
            return None
        return cls(kind, url)


class Acceptance:
    """Notes the continuation from the answer to a write, as the SDK's `raw_response_hook`."""

    def __init__(self, arm_url: str) -> None:
        self._arm_url = arm_url
        self.continuation: str | None = None

    def __call__(self, response: Any) -> None:
        """Called by the SDK's pipeline with the answer."""
        self.continuation = continuation_of(response.http_response.status_code, response.http_response.headers, self._arm_url)


def continuation_of(status: int, headers: Mapping[str, str], arm_url: str) -> str | None:
    """The continuation that an accepted write's answer offers, if it does."""
    found = case_insensitive_dict(headers)
    url = found.get("azure-asyncoperation")
    if url and _is_usable(url, arm_url):
        return Continuation("status", url).text()
    url = found.get("location")
    if status == 202 and url and _is_usable(url, arm_url):
        return Continuation("location", url).text()
    return None


@dataclass(frozen=True, slots=True)
class _Heard:
    """What the platform said of an operation. `wait` is the pause that it asks for."""

    ended: bool = False
    failure: str | None = None
    wait: float | None = None


class Follower:
    """Asks the platform how its long operations go."""

    def __init__(self, ask: Ask, arm_url: str, clock: Clock) -> None:
        self._ask = ask
        self._arm_url = arm_url
        self._clock = clock

    async def follow(self, text: str) -> None:
        """Wait for the end of a long operation; returns as well where nobody can say any more, and the reads must decide.

        Raises:
            NotDoneError: The platform ended it as failed or cancelled; the text has its code and message.
        """
        continuation = Continuation.read(text, self._arm_url)
        if continuation is None:
            logger.warning("a continuation can't be used: %s", plain(text, 200))
            return
        start = heard_at = self._clock.monotonic()
        pause = FIRST_PAUSE
        while self._clock.monotonic() - start < FOLLOW_SECONDS:
            wait: float | None = None
            try:
                heard = await self._listen(continuation)
            except (DeniedError, MissingError) as error:
                logger.warning("an operation can't be followed: %s", error)
                return
            except ThrottledError as error:
                heard_at, wait = self._clock.monotonic(), error.retry_after
            except PlatformError as error:
                if self._clock.monotonic() - heard_at >= BLIND_SECONDS:
                    logger.warning("an operation can't be followed any more: %s", error)
                    return
            else:
                if heard.failure is not None:
                    raise NotDoneError(heard.failure)
                if heard.ended:
                    return
                heard_at, wait = self._clock.monotonic(), heard.wait
            await self._clock.sleep(min(max(pause if wait is None else wait, SHORTEST_PAUSE), LONGEST_PAUSE))
            pause = min(pause * 1.5, LONGEST_PAUSE)

    async def _listen(self, continuation: Continuation) -> _Heard:
        with mapped("asking how an operation goes"):
            request = HttpRequest("GET", continuation.url, headers={"Accept": "application/json"})
            response = await self._ask(request, retry_total=0)
            wait = retry_after(response.headers)
            if continuation.kind == "location" and _is_refusal(response.status_code):
                return _Heard(ended=True, failure=_failure("Failed", response.json()))
            response.raise_for_status()
            if continuation.kind == "location":
                return _Heard(ended=response.status_code != 202, wait=wait)
            document = response.json()
            status = str(document["status"])
        if status.lower() in {"failed", "canceled", "cancelled"}:
            return _Heard(ended=True, failure=_failure(status, document))
        return _Heard(ended=status.lower() == "succeeded", wait=wait)


def _is_refusal(status: int) -> bool:
    """Whether a status, where an operation is asked for by its location, is how the operation itself ended."""
    return 400 <= status < 500 and status not in {401, 403, 404, 408, 429}


def _failure(status: str, document: Any) -> str:
    error = document.get("error") if isinstance(document, dict) else None
    code, message = (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, None)
    return f"the platform ended it as {plain(status, 40)}: {plain(code or 'no code', 100)}: {plain(message or 'no message', 400)}"


def _is_usable(url: str, arm_url: str) -> bool:
    return len(url) <= _CHARACTERS and is_of(url, arm_url)


def is_of(url: str, base_url: str) -> bool:
    """Whether an address is of the same origin, over TLS, so that a bearer token may be sent there."""
    try:
        there, here = urlsplit(url), urlsplit(base_url)
        same = (there.scheme, there.hostname, there.port or 443) == (here.scheme, here.hostname, here.port or 443)
    except ValueError:
        return False
    return same and there.scheme == "https" and there.username is None
