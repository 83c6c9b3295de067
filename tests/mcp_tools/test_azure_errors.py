"""What an error of the Azure SDK says about the effect, with the SDK's own exceptions."""

from __future__ import annotations

import json

import pytest
from aiohttp import ClientConnectorError, ClientOSError, ServerDisconnectedError
from aiohttp.client_reqrep import ConnectionKey
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    IncompleteReadError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.mgmt.core.exceptions import ARMErrorFormat

from overwatch_mcp.azure_errors import mapped, retry_after, translate
from overwatch_mcp.errors import ConflictError, DeniedError, LostError, MissingError, NotDoneError, ThrottledError


class Answer:
    """As much of an answer as azure-core's exceptions look at."""

    def __init__(self, status: int, code: str, message: str = "no", headers: dict[str, str] | None = None) -> None:
        self.status_code = status
        self.reason = "reason"
        self.headers = headers or {}
        self._body = json.dumps({"error": {"code": code, "message": message}})

    def text(self) -> str:
        return self._body


def answered(status: int, code: str = "OddCode", message: str = "no", **headers: str) -> HttpResponseError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponseError(response=Answer(status, code, message, named), error_format=ARMErrorFormat)


unreached = ClientConnectorError(ConnectionKey("h", 443, True, True, None, None, None), OSError(111, "refused"))

ERRORS = [
    (ServiceRequestError("x", error=unreached), NotDoneError),
    (ServiceRequestTimeoutError("x"), NotDoneError),
    (ServiceRequestError("x", error=ClientOSError(32, "broken pipe")), LostError),
    (ServiceRequestError("x", error=ServerDisconnectedError()), LostError),
    (ServiceResponseError("x"), LostError),
    (ServiceResponseTimeoutError("x"), LostError),
    (IncompleteReadError("x"), LostError),
    (ClientAuthenticationError("x"), DeniedError),
    (ResourceNotFoundError(response=Answer(404, "ResourceNotFound")), MissingError),
    (answered(400), NotDoneError),
    (answered(403), DeniedError),
    (answered(408), LostError),
    (answered(409), ConflictError),
    (answered(409, "ContainerAppOperationInProgress"), ConflictError),
    (answered(400, "ContainerAppOperationInProgress"), ConflictError),
    (answered(400, "ContainerAppLockConflict"), ConflictError),
    (answered(412), NotDoneError),
    (answered(429), ThrottledError),
    (answered(429, "Conflict"), ThrottledError),
    (answered(500), LostError),
    (answered(502), LostError),
    (answered(503, "Conflict"), LostError),
]


@pytest.mark.parametrize(("error", "meaning"), ERRORS, ids=lambda value: repr(value)[:60])
def test_an_error_says_what_is_known_about_the_effect(error, meaning):
    assert type(translate(error, "switching")) is meaning


PAUSES = [
    ({"Retry-After": "7"}, 7.0),
    ({"retry-after": "0"}, 0.0),
    ({"Retry-After": "-3"}, 0.0),
    ({"Retry-After": "Mon, 23 Nov 2026 14:00:30 GMT", "Date": "Mon, 23 Nov 2026 14:00:10 GMT"}, 20.0),
    ({"Retry-After": "Mon, 23 Nov 2026 14:00:00 GMT", "Date": "Mon, 23 Nov 2026 14:00:10 GMT"}, 0.0),
    ({"Retry-After": "Mon, 23 Nov 2026 14:00:30 GMT"}, None),
    ({"Retry-After": "soon"}, None),
    ({"Retry-After": "nan"}, None),
    ({"Retry-After": "inf"}, None),
    ({"x-ms-retry-after-ms": "1500", "Retry-After": "60"}, 1.5),
    ({"retry-after-ms": "250"}, 0.25),
    ({}, None),
]


@pytest.mark.parametrize(("headers", "seconds"), PAUSES)
def test_the_pause_that_the_platform_asks_for_is_read_in_each_of_its_forms(headers, seconds):
    assert retry_after(headers) == seconds
    throttled = translate(HttpResponseError(response=Answer(429, "TooManyRequests", headers=headers)), "x")
    assert throttled.retry_after == seconds


def test_the_platforms_own_words_are_shown_without_what_a_terminal_would_obey():
    with pytest.raises(ConflictError) as caught, mapped("switching"):
        raise answered(409, "Conflict", "\x1b[2J\u202ebusy\nnow" + "x" * 5000)
    assert str(caught.value).startswith("switching: 409 Conflict: busy now")
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


def test_a_login_that_no_way_gave_says_so_and_the_remedy_without_each_way_that_was_tried():
    tried = "DefaultAzureCredential failed.\nAttempted credentials:\n\t" + "EnvironmentCredential: unavailable.\n\t" * 40
    said = str(translate(ClientAuthenticationError(tried), "reading 'shop-east'"))
    assert said.startswith("reading 'shop-east': DefaultAzureCredential failed; check the target's `credential`")
    assert said.endswith("`az login`)")
