"""The authority that clients log in at: what they discover about it, and tokens for the demo's one service principal."""

from __future__ import annotations

import hmac
import secrets
import uuid
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from mini_app.local_azure.tokens import LIFETIME, Tokens

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SCOPE_END = "/.default"


class EntraError(Exception):
    """A refusal in Entra's shape. `number` is that of the AADSTS code."""

    def __init__(self, status: int, error: str, number: int, text: str) -> None:
        super().__init__(text)
        self.status, self.error, self.number, self.text = status, error, number, text


class Entra:
    """Discovery and the token endpoint, with a client secret and a federated token that are new at each start."""

    def __init__(self, tenant: str, client_id: str, tokens: Tokens) -> None:
        self.tenant = tenant
        self.client_id = client_id
        self.client_secret = secrets.token_urlsafe(30)
        self.federated_token = secrets.token_urlsafe(48)
        self._tokens = tokens

    def add_to(self, app: web.Application) -> None:
        """Add the routes, none of which needs a token."""
        get, post = app.router.add_get, app.router.add_post
        get("/metadata/endpoints", self._endpoints)
        get("/common/discovery/instance", self._instance)
        for version in ("", "/v2.0"):
            get("/{tenant}" + version + "/.well-known/openid-configuration", self._configuration)
        post("/{tenant}/oauth2/v2.0/token", self._token)
        post("/{tenant}/oauth2/token", self._token)

    async def _endpoints(self, request: web.Request) -> web.Response:
        """The cloud's endpoints, as the Azure CLI reads them when a cloud is registered."""
        base = _base(request)
        names = (
            "acrLoginServer",
            "keyVaultDns",
            "sqlServerHostname",
            "storage",
            "mysqlServerEndpoint",
            "postgresqlServerEndpoint",
        )
        cloud = {
            "name": "LocalAzure",
            "portal": base,
            "resourceManager": f"{base}/",
            "authentication": {
                "loginEndpoint": base,
                "audiences": [f"{base}/", base],
                "tenant": "common",
                "identityProvider": "AAD",
            },
            "graphAudience": f"{base}/",
            "graph": f"{base}/",
            "microsoftGraphResourceId": f"{base}/",
            "logAnalyticsResourceId": base,
            "gallery": f"{base}/",
            "batch": f"{base}/",
            "media": f"{base}/",
            "sqlManagement": f"{base}/",
            "suffixes": dict.fromkeys((*names, "mariadbServerEndpoint"), "local"),
        }
        one = request.query.get("api-version", "") >= "2022-09-01"
        return web.json_response(cloud if one else [cloud])

    async def _instance(self, request: web.Request) -> web.Response:
        base, host = _base(request), request.host
        return web.json_response(
            {
                "tenant_discovery_endpoint": f"{base}/{self.tenant}/v2.0/.well-known/openid-configuration",
                "api-version": "1.1",
                "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
            }
        )

    async def _configuration(self, request: web.Request) -> web.Response:
        try:
            self._known_tenant(request)
        except EntraError as error:
            return _refused(request, error)
        base = f"{_base(request)}/{self.tenant}"
        return web.json_response(
            {
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "issuer": f"{base}/v2.0",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
                "response_types_supported": ["code"],
                "subject_types_supported": ["pairwise"],
            }
        )

    async def _token(self, request: web.Request) -> web.Response:
        try:
            form = await _form(request)
            self._known_tenant(request)
            self._known_client(form)
            audience = _audience(form)
        except EntraError as error:
            return _refused(request, error)
        body = {"token_type": "Bearer", "expires_in": LIFETIME, "ext_expires_in": LIFETIME}
        return web.json_response({**body, "access_token": self._tokens.issue(audience)})

    def _known_tenant(self, request: web.Request) -> None:
        tenant = request.match_info["tenant"]
        if tenant != self.tenant:
            raise EntraError(400, "invalid_tenant", 90002, f"Tenant {tenant!r} not found. Check that it is the right tenant ID")

    def _known_client(self, form: dict[str, str]) -> None:
        if form.get("grant_type") != "client_credentials":
            raise EntraError(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type")
        client = form.get("client_id", "")
        if client != self.client_id:
            raise EntraError(400, "unauthorized_client", 700016, f"Application with identifier {client!r} was not found")
        if "client_assertion" in form:
            typed = form.get("client_assertion_type") == ASSERTION_TYPE
            if not typed or not _same(form["client_assertion"], self.federated_token):
                text = "No matching federated identity record found for the presented assertion"
                raise EntraError(401, "invalid_client", 700213, text)
        elif "client_secret" not in form:
            text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'"
            raise EntraError(401, "invalid_client", 7000218, text)
        elif not _same(form["client_secret"], self.client_secret):
            text = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
                f"not the client secret ID, for a secret added to app '{client}'"
            )
            raise EntraError(401, "invalid_client", 7000215, text)


async def _form(request: web.Request) -> dict[str, str]:
    try:
        return {name: str(value) for name, value in (await request.post()).items()}
    except (ValueError, LookupError):
        raise EntraError(400, "invalid_request", 900144, "The request body is no form") from None


def _audience(form: dict[str, str]) -> str:
    """Whom a token is asked for: the scope of version 2 without its end, or the resource of version 1."""
    scopes = [s for s in form.get("scope", "").split() if s.endswith(SCOPE_END)]
    audience = scopes[0].removesuffix(SCOPE_END) if scopes else form.get("resource", "")
    if audience:
        return audience
    if "scope" in form:
        raise EntraError(400, "invalid_scope", 1002012, f"The scope must be a resource with '{SCOPE_END}' at its end")
    raise EntraError(400, "invalid_request", 900144, "The request body must contain the following parameter: 'scope'")


def _refused(request: web.Request, error: EntraError) -> web.Response:
    now, trace, correlation = datetime.now(UTC), str(uuid.uuid4()), str(uuid.uuid4())
    stamp = now.strftime("%Y-%m-%d %H:%M:%SZ")
    ids = f"Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
    body: dict[str, Any] = {
        "error": error.error,
        "error_description": f"AADSTS{error.number}: {error.text}. {ids}",
        "error_codes": [error.number],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"{_base(request)}/error?code={error.number}",
    }
    return web.json_response(body, status=error.status)


def _base(request: web.Request) -> str:
    return f"https://{request.host}"


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())
