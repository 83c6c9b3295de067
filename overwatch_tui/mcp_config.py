"""Finds the MCP server: one that runs elsewhere, or one of our own, with its configuration: the targets that it may touch."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents.platforms import AzureSettings, DockerSettings, Platform
from agents.settings import TargetSettings
from agents.tool_server import ServerAddress, ServerCommand, ToolServer
from agents.tool_settings import ToolsSettings

_PASSED_ON = (
    "AZURE_",
    "DOCKER_",
    "IDENTITY_",
    "MSI_",
    "SSL_CERT_",
    "REQUESTS_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
)


def tool_server(
    tools: ToolsSettings,
    home: Path,
    targets: Mapping[str, TargetSettings],
    identity: Mapping[str, str],
    max_unavailable: int = 1,
) -> ToolServer | None:
    """Where the tools for these targets come from; None where no target has a platform. `max_unavailable` is the policy's."""
    if tools.url is None or tools.token_file is None:
        return server_command(home, targets, identity, max_unavailable)
    if not any(target.platform for target in targets.values()):
        return None
    return ServerAddress(str(tools.url), tools.token_file, tools.ca_file)


def server_command(
    home: Path, targets: Mapping[str, TargetSettings], identity: Mapping[str, str], max_unavailable: int = 1
) -> ServerCommand | None:
    """How to start the MCP server for these targets; None where no target has a platform."""
    acted_on = {name: target for name, target in targets.items() if target.platform is not None}
    if not acted_on:
        return None
    config = home / "mcp.json"
    key = str(approval_key(home))
    logins = home / "logins.json"
    _write(logins, json.dumps(dict(identity)))
    content = {
        "journal": str(home / "operations.db"),
        "login_file": str(logins),
        "targets": {
            name: {**_target(target, target.platform, max_unavailable), "approval_key_file": key}
            for name, target in acted_on.items()
            if target.platform
        },
    }
    _write(config, json.dumps(content, indent=2))
    environment = {key: value for key, value in os.environ.items() if key.upper().startswith(_PASSED_ON)}
    return ServerCommand(
        command=(sys.executable, "-m", "overwatch_mcp.azure_mcp_server", "--config", str(config)),
        environment=environment,
        log=home / "logs" / "mcp.log",
    )


def _write(path: Path, content: str) -> None:
    """Write a file whole or not at all, readable by its owner alone."""
    partial = path.with_suffix(".part")
    partial.touch(mode=0o600)
    partial.chmod(0o600)
    partial.write_text(content, encoding="utf-8")
    partial.replace(path)


def approval_key_file(tools: ToolsSettings, home: Path) -> Path | None:
    """The file with the key that the server demands approvals with: its own server's, or the one that is configured."""
    return tools.approval_key_file if tools.url is not None else approval_key(home)


def approval_key(home: Path) -> Path:
    """The file with the key of this home's approvals, made at the first use: without it the server lets nobody write."""
    path = home / "approval.key"
    with contextlib.suppress(FileExistsError):
        partial = path.with_suffix(".part")
        partial.touch(mode=0o600)
        partial.chmod(0o600)
        partial.write_text(secrets.token_hex(32), encoding="ascii")
        os.link(partial, path)
    path.with_suffix(".part").unlink(missing_ok=True)
    return path


def _target(target: TargetSettings, platform: Platform, max_unavailable: int) -> dict[str, Any]:
    where = _docker(platform) if isinstance(platform, DockerSettings) else _azure(platform)
    traffic = platform.traffic.model_dump(mode="json") if platform.traffic else None
    patience = (
        {} if traffic is None or "switch_timeout_s" not in traffic else {"switch_timeout_s": traffic.pop("switch_timeout_s")}
    )
    return {
        **where,
        **patience,
        "traffic": traffic,
        "public_url": str(target.public_url).rstrip("/") if target.public_url else None,
        "probe_path": target.public_probe_path,
        "limits": {
            "min_replicas": platform.min_replicas,
            "max_replicas": platform.max_replicas,
            "max_unavailable": max_unavailable,
        },
        "images": list(platform.images),
        "allowed_tools": sorted(_tools(target)),
    }


def _azure(platform: AzureSettings) -> dict[str, Any]:
    return {
        "platform": "azure",
        "subscription_id": platform.subscription_id,
        "resource_group": platform.resource_group,
        "arm_url": str(platform.arm_url).rstrip("/") if platform.arm_url else None,
        "ca_file": str(platform.ca_file) if platform.ca_file else None,
        "credential": platform.credential,
        "log_workspace": platform.log_workspace,
        "logs_url": str(platform.logs_url).rstrip("/") if platform.logs_url else None,
        "regions": {region: {"container_app": app} for region, app in platform.container_apps.items()},
    }


def _docker(platform: DockerSettings) -> dict[str, Any]:
    return {
        "platform": "docker",
        "project": platform.project,
        "docker_url": platform.docker_url,
        "regions": {region: {"service": service} for region, service in platform.services.items()},
    }


def _tools(target: TargetSettings) -> set[str]:
    """The write tools behind the allowed actions, so that the server refuses the others, whoever calls."""
    tool = {
        "failover_region": "switch_traffic",
        "switch_traffic": "switch_traffic",
        "restart_service": "restart_service",
        "scale_service": "scale_service",
        "deploy_container": "deploy_container",
        "rollback_revision": "rollback_revision",
    }
    return {tool[action] for action in target.actions() if action in tool}
