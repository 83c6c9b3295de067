"""What an error of the Docker SDK says about the effect: not sent, rejected, or lost on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from docker.errors import APIError, DockerException  # type: ignore[import-untyped]
from urllib3.exceptions import HTTPError as PoolError
from urllib3.exceptions import NewConnectionError

from overwatch_mcp.errors import ConflictError, DeniedError, LostError, MissingError, NotDoneError, PlatformError, ThrottledError
from overwatch_mcp.plain_text import plain

_SOCKET = "give this process the right to use the engine's socket"


@contextmanager
def mapped(what: str) -> Iterator[None]:
    """Translate the SDK's errors into ours. `what` says what was tried, for the text."""
    try:
        yield
    except PlatformError:
        raise
    except APIError as error:
        raise _answered(error, what) from error
    except (DockerException, requests.RequestException, PoolError, OSError) as error:
        raise _unanswered(error, what) from error
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError) as error:
        raise LostError(f"{what}: the engine's answer can't be read ({type(error).__name__})") from error


def _answered(error: APIError, what: str) -> PlatformError:
    """An error that the engine itself told. 5xx may come in the middle of the work."""
    status = error.status_code
    text = f"{what}: {status} {plain(str(error.explanation or error), 300)}"
    if status in {401, 403}:
        return DeniedError(text)
    if status == 404:
        return MissingError(text)
    if status == 409:
        return ConflictError(text)
    if status == 429:
        return ThrottledError(text, None)
    if status is not None and 400 <= status < 500 and status != 408:
        return NotDoneError(text)
    return LostError(text)


def _unanswered(error: BaseException, what: str) -> PlatformError:
    """No answer: only where no connection came about is it certain that nothing arrived."""
    reasons = list(_reasons(error))
    if any(isinstance(one, PermissionError) for one in reasons):
        return DeniedError(f"{what}: the engine's socket may not be opened; {_SOCKET}")
    never = (FileNotFoundError, ConnectionRefusedError, NewConnectionError, requests.ConnectTimeout)
    if any(isinstance(one, never) for one in reasons):
        return NotDoneError(f"{what}: the engine can't be reached; start it, or correct `docker_url`")
    if any(isinstance(one, requests.Timeout | TimeoutError) for one in reasons):
        return LostError(f"{what}: no answer in time")
    return LostError(f"{what}: the connection broke ({plain(str(error), 200) or type(error).__name__})")


def _reasons(error: BaseException) -> Iterator[BaseException]:
    """The error and everything that it was made of: causes, contexts, arguments and urllib3's `reason`."""
    seen: set[int] = set()
    left: list[object] = [error]
    while left:
        one = left.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        left += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
