"""What an error of the Azure SDK says about the effect: not sent, rejected, or lost on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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

_LOGIN = "check the target's `credential` and log in (managed identity, or `az login`)"
_RIGHTS = "give the identity the right to read and write this resource"


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
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise LostError(f"{what}: the platform's answer can't be read ({type(error).__name__})") from error


def translate(error: AzureError, what: str) -> PlatformError:
    """The PlatformError for an error of azure-core.

    Over aiohttp, azure-core reports a connection that broke after sending as ServiceRequestError too, which elsewhere means
    "never sent": only where no connection came about is that certain.
    """
    text = f"{what}: {_words(error)}"
    if isinstance(error, ClientAuthenticationError):
        return DeniedError(f"{text}; {_LOGIN}")
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


def _answered(error: HttpResponseError, status: int, text: str) -> PlatformError:
    if status == 401:
        return DeniedError(f"{text}; {_LOGIN}")
    if status == 403:
        return DeniedError(f"{text}; {_RIGHTS}")
    if status == 404:
        return MissingError(f"{text}; check the names in the configuration")
    if status == 409:
        return ConflictError(text)
    if status == 429:
        return ThrottledError(text, _retry_after(error))
    if 400 <= status < 500 and status != 408:
        return NotDoneError(text)
    return LostError(text)


def _retry_after(error: HttpResponseError) -> float | None:
    headers = case_insensitive_dict(getattr(error.response, "headers", None) or {})
    try:
        return max(0.0, float(headers["Retry-After"]))
    except (KeyError, ValueError):
        return None


def _words(error: Exception) -> str:
    if isinstance(error, HttpResponseError) and error.error is not None and error.error.code:
        words = f"{error.status_code} {error.error.code}: {error.error.message}"
    else:
        words = str(error) or type(error).__name__
    return " ".join(words.split())[:400]
