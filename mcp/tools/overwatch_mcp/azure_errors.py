"""What an error of the Azure SDK says about the effect: not sent, rejected, or lost on the way."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime

import aiohttp
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
)
from azure.core.utils import case_insensitive_dict

from overwatch_mcp.errors import ConflictError, DeniedError, LostError, MissingError, NotDoneError, PlatformError, ThrottledError
from overwatch_mcp.plain_text import plain

BUSY_CODES = frozenset({"AnotherOperationInProgress", "Conflict", "ContainerAppLockConflict", "ContainerAppOperationInProgress"})
"""Codes that say "busy, nothing was done", with whichever status: Container Apps sends some of them with 400."""
LOGIN = "check the target's `credential` and what it logs in with (an identity, AZURE_ variables, or `az login`)"
_MORE = re.compile("\nContent: |\nAttempted credentials:")
"""What follows is long, and pushes the remedy out of sight."""
RIGHTS = "give the identity the right to read and write this resource"


@contextmanager
def mapped(what: str) -> Iterator[None]:
    """Translate the SDK's errors into ours. `what` says what was tried, for the text."""
    try:
        yield
    except PlatformError:
        raise
    except AzureError as error:
        raise translate(error, what) from error
    except aiohttp.ClientError as error:
        raise LostError(f"{what}: the connection broke ({_words(error)})") from error
    except TimeoutError as error:
        raise LostError(f"{what}: no answer in time") from error
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError) as error:
        raise LostError(f"{what}: the platform's answer can't be read ({type(error).__name__})") from error


def translate(error: AzureError, what: str) -> PlatformError:
    """The PlatformError for an error of azure-core.

    Over aiohttp, azure-core reports a connection that broke after sending as ServiceRequestError too, which elsewhere means
    "never sent": only where no connection came about is that certain.
    """
    text = f"{what}: {_words(error)}"
    if isinstance(error, ClientAuthenticationError):
        return DeniedError(f"{text}; {LOGIN}")
    if isinstance(error, HttpResponseError) and error.status_code is not None:
        return _answered(error, error.status_code, text)
    if isinstance(error, ServiceRequestTimeoutError):
        return NotDoneError(f"{text}; the platform can't be reached")
    if isinstance(error, ServiceRequestError):
        inner = error.inner_exception
        unsent = inner is None or isinstance(inner, aiohttp.ClientConnectorError | aiohttp.InvalidURL)
        if unsent:
            return NotDoneError(f"{text}; the platform can't be reached")
    return LostError(text)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the platform asks to wait; None where it does not say, or says it so that it can't be read.

    A date is compared with the answer's own: the platform's clock need not agree with this machine's.
    """
    found = case_insensitive_dict(headers)
    for name in ("x-ms-retry-after-ms", "retry-after-ms"):
        if (milliseconds := _number(found.get(name))) is not None:
            return milliseconds / 1000
    text = found.get("retry-after")
    seconds = _number(text)
    if seconds is not None or text is None:
        return seconds
    try:
        until, now = parsedate_to_datetime(text), parsedate_to_datetime(found.get("date") or "")
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):
        return None


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None


def _answered(error: HttpResponseError, status: int, text: str) -> PlatformError:
    if status == 401:
        return DeniedError(f"{text}; {LOGIN}")
    if status == 403:
        return DeniedError(f"{text}; {RIGHTS}")
    if status == 404:
        return MissingError(f"{text}; check the names in the configuration")
    if status == 409 or (400 <= status < 500 and _code(error) in BUSY_CODES and status != 429):
        return ConflictError(text)
    if status == 429:
        return ThrottledError(text, retry_after(getattr(error.response, "headers", None) or {}))
    if 400 <= status < 500 and status != 408:
        return NotDoneError(text)
    return LostError(text)


def _code(error: HttpResponseError) -> str | None:
    return None if error.error is None else error.error.code


def _words(error: Exception) -> str:
    if isinstance(error, HttpResponseError) and error.error is not None and error.error.code:
        words = f"{error.status_code} {error.error.code}: {error.error.message}"
    else:
        words = _MORE.split(str(error), maxsplit=1)[0].rstrip(".") or type(error).__name__
    return plain(" ".join(words.split()), 400)
