"""Azure Resource Manager, its authority and its log queries on one origin, as far as Overwatch and the Azure CLI use them."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Protocol

from aiohttp import web

from mini_app.local_azure.arm_errors import ArmError
from mini_app.local_azure.arm_faults import ArmFaults
from mini_app.local_azure.container_apps import ContainerApps
from mini_app.local_azure.documents import Ids
from mini_app.local_azure.entra import Entra
from mini_app.local_azure.front_door import FrontDoor
from mini_app.local_azure.logs_api import Logs
from mini_app.local_azure.monitor import Monitor
from mini_app.local_azure.operations import Operations
from mini_app.local_azure.region import BusyError, Region
from mini_app.local_azure.routes import Routes
from mini_app.local_azure.scope import Scope
from mini_app.local_azure.tokens import TokenError, Tokens, WrongAudienceError
from mini_app.local_azure.traffic_api import Traffic

PUBLIC_ARM = "https://management.azure.com"
PUBLIC_LOGS = "https://api.loganalytics.io"
LARGEST_BODY = 1 << 20


class Part(Protocol):
    """A part of the API."""

    def add_to(self, routes: Routes) -> None:
        """Add the addresses that it serves."""


class Arm:
    """The API over the regions and the ingress of one subscription."""

    def __init__(
        self,
        regions: Mapping[str, Region],
        door: FrontDoor,
        ids: Ids,
        tokens: Tokens,
        entra: Entra,
        logs: Path,
        faults: ArmFaults,
        origins: frozenset[str] = frozenset(),
    ) -> None:
        """`origins` are those that the API itself is reached at: a token may be for one of them."""
        self._tokens = tokens
        self._origins = origins
        self._entra = entra
        self._faults = faults
        self._routes = Routes()
        locations = {name: region.location for name, region in regions.items()}
        scope = Scope(ids, entra.tenant, tuple(locations.values()))
        operations = Operations(ids)
        apps = ContainerApps(regions, scope, operations)
        traffic = Traffic(door, locations, scope, operations)
        parts: tuple[Part, ...] = (scope, operations, apps, traffic, Monitor(apps), Logs(logs, ids.log_workspace))
        for part in parts:
            part.add_to(self._routes)

    def app(self) -> web.Application:
        """The authority, which anybody may ask; and everything else behind a token, with errors in ARM's shape."""
        app = web.Application(client_max_size=LARGEST_BODY)
        self._entra.add_to(app)
        app.router.add_route("*", "/{tail:.*}", self._serve)
        return app

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        try:
            self._check_token(request)
            handler, where = self._routes.find(request)
            return await self._faults.strike(request, lambda: answered(handler(request, where)))
        except ArmError as error:
            return error.response()

    def _check_token(self, request: web.Request) -> None:
        logs = request.path.lower().startswith("/v1/")
        audiences = {*self._origins, PUBLIC_LOGS if logs else PUBLIC_ARM}
        authority = f"https://{request.host}/{self._entra.tenant}"
        challenge = {"WWW-Authenticate": f'Bearer authorization_uri="{authority}", error="invalid_token"'}
        try:
            self._tokens.check(request, audiences)
        except WrongAudienceError as error:
            text = f"The access token has been obtained for wrong audience or resource {error.audience!r}"
            allowed = ", ".join(repr(one) for one in sorted(audiences))
            status = 403 if logs else 401
            message = f"{text}. It should exactly match one of the allowed audiences {allowed}"
            raise ArmError(status, "InvalidAuthenticationTokenAudience", message, challenge) from None
        except TokenError as error:
            raise ArmError(401, "AuthenticationFailed", f"Authentication failed: {error}", challenge) from None


async def answered(work: Awaitable[web.StreamResponse]) -> web.StreamResponse:
    """What a handler answers, errors in ARM's shape included."""
    try:
        return await work
    except ArmError as error:
        return error.response()
    except BusyError as error:
        return ArmError(409, "ContainerAppOperationInProgress", str(error)).response()
    except web.HTTPClientError as error:
        return ArmError(error.status, error.reason.replace(" ", ""), error.text or error.reason).response()
