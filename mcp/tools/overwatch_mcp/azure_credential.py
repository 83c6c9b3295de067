"""How to log in to Azure, each way by its own name: what is missing is said before anything is asked."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline.transport import AioHttpTransport
from azure.identity import AzureAuthorityHosts
from azure.identity.aio import (
    AzureCliCredential,
    CertificateCredential,
    ClientSecretCredential,
    DefaultAzureCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)

from overwatch_mcp.config import AzureTarget
from overwatch_mcp.errors import DeniedError

CLI_SECONDS = 30
"""How long the Azure CLI may take to hand out a token; loading it alone can take ten seconds on a busy machine."""
_PUBLIC_LOGINS = frozenset(
    {AzureAuthorityHosts.AZURE_PUBLIC_CLOUD, AzureAuthorityHosts.AZURE_GOVERNMENT, AzureAuthorityHosts.AZURE_CHINA}
)
_RETRIES: dict[str, Any] = {"retry_total": 1, "retry_backoff_factor": 0.2}


def make_credential(config: AzureTarget, environment: Mapping[str, str]) -> AsyncTokenCredential:
    """The credential that the configuration names; the variables are those of azure-identity.

    Raises:
        DeniedError: A variable that it needs is missing or can't be used; the text names it.
    """
    try:
        return _made(config, environment)
    except (ValueError, OSError, ImportError) as error:
        raise DeniedError(
            f"credential {config.credential!r} can't be made from the environment: {error}; correct the AZURE_ variables"
        ) from error


def _made(config: AzureTarget, environment: Mapping[str, str]) -> AsyncTokenCredential:
    match config.credential:
        case "managed_identity":
            return ManagedIdentityCredential(client_id=environment.get("AZURE_CLIENT_ID") or None, **_RETRIES)
        case "cli":
            return AzureCliCredential(process_timeout=CLI_SECONDS)
        case "workload_identity":
            names = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE")
            tenant, client, token_file = _needed(config, environment, *names)
            return WorkloadIdentityCredential(
                tenant_id=tenant, client_id=client, token_file_path=token_file, **_login(config, environment)
            )
        case "service_principal":
            return _service_principal(config, environment)
        case "default":
            discovery = {"disable_instance_discovery": True} if _is_private(environment) else {}
            return DefaultAzureCredential(process_timeout=CLI_SECONDS, **discovery, **_RETRIES)


def _service_principal(config: AzureTarget, environment: Mapping[str, str]) -> AsyncTokenCredential:
    tenant, client = _needed(config, environment, "AZURE_TENANT_ID", "AZURE_CLIENT_ID")
    certificate = environment.get("AZURE_CLIENT_CERTIFICATE_PATH")
    if certificate:
        password = environment.get("AZURE_CLIENT_CERTIFICATE_PASSWORD") or None
        return CertificateCredential(tenant, client, certificate, password=password, **_login(config, environment))
    (secret,) = _needed(config, environment, "AZURE_CLIENT_SECRET")
    return ClientSecretCredential(tenant, client, secret, **_login(config, environment))


def _needed(config: AzureTarget, environment: Mapping[str, str], *names: str) -> tuple[str, ...]:
    missing = [name for name in names if not environment.get(name)]
    if missing:
        other = " (or AZURE_CLIENT_CERTIFICATE_PATH)" if missing == ["AZURE_CLIENT_SECRET"] else ""
        raise DeniedError(
            f"credential {config.credential!r} needs {', '.join(missing)}{other} in the environment: set it, "
            "or take another credential"
        )
    return tuple(environment[name] for name in names)


def _login(config: AzureTarget, environment: Mapping[str, str]) -> dict[str, Any]:
    """Where and how the login is asked; a login of one's own may have the certificate that the target trusts."""
    options: dict[str, Any] = dict(_RETRIES)
    if _is_private(environment):
        options |= {"authority": environment["AZURE_AUTHORITY_HOST"], "disable_instance_discovery": True}
        if config.ca_file is not None:
            tls = ssl.create_default_context()
            tls.load_verify_locations(str(config.ca_file))
            session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls), trust_env=True, auto_decompress=False)
            options["transport"] = AioHttpTransport(session=session, session_owner=True)
    return options


def _is_private(environment: Mapping[str, str]) -> bool:
    """Whether logins go to an authority that the public clouds don't know."""
    authority = environment.get("AZURE_AUTHORITY_HOST")
    if not authority:
        return False
    host = urlsplit(authority).hostname or authority.split("/")[0]
    return host.lower() not in _PUBLIC_LOGINS
