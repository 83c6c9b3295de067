"""Finds the MCP server: one that runs elsewhere, or one of our own, with its configuration: the targets that it may touch."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents.settings import AzureSettings, TargetSettings
from agents.tool_server import ServerAddress, ServerCommand, ToolServer
from agents.tool_settings import ToolsSettings

_PASSED_ON = ("AZURE_", "IDENTITY_", "MSI_", "SSL_CERT_", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def tool_server(
    tools: ToolsSettings, home: Path, targets: Mapping[str, TargetSettings], identity: Mapping[str, str]
) -> ToolServer | None:
    """Where the tools for these targets come from; None where no target has a platform."""
    if tools.url is None or tools.token_file is None:
        return server_command(home, targets, identity)
    if not any(target.platform for target in targets.values()):
        return None
    return ServerAddress(str(tools.url), tools.token_file, tools.ca_file)


def server_command(home: Path, targets: Mapping[str, TargetSettings], identity: Mapping[str, str]) -> ServerCommand | None:
    """How to start the MCP server for these targets; None where no target has a platform."""
    acted_on = {name: target for name, target in targets.items() if target.platform is not None}
    if not acted_on:
        return None
    config = home / "mcp.json"
    content = {
        "journal": str(home / "operations.db"),
        "targets": {name: _target(target, target.platform) for name, target in acted_on.items() if target.platform},
    }
    partial = config.with_suffix(".part")
    partial.write_text(json.dumps(content, indent=2), encoding="utf-8")
    partial.chmod(0o600)
    partial.replace(config)
    environment = {key: value for key, value in os.environ.items() if key.upper().startswith(_PASSED_ON)}
    return ServerCommand(
        command=(sys.executable, "-m", "overwatch_mcp.azure_mcp_server", "--config", str(config)),
        environment={**environment, **identity},
        log=home / "logs" / "mcp.log",
    )


def _target(target: TargetSettings, platform: AzureSettings) -> dict[str, Any]:
    traffic = platform.traffic
    return {
        "platform": "azure",
        "subscription_id": platform.subscription_id,
        "resource_group": platform.resource_group,
        "arm_url": str(platform.arm_url).rstrip("/") if platform.arm_url else None,
        "ca_file": str(platform.ca_file) if platform.ca_file else None,
        "credential": platform.credential,
        "regions": {region: {"container_app": app} for region, app in platform.container_apps.items()},
        "traffic": traffic.model_dump(mode="json") if traffic else None,
        "public_url": str(target.public_url).rstrip("/") if target.public_url else None,
        "probe_path": target.public_probe_path,
        "limits": {"min_replicas": platform.min_replicas, "max_replicas": platform.max_replicas},
        "images": list(platform.images),
        "allowed_tools": sorted(_tools(target)),
    }


def _tools(target: TargetSettings) -> set[str]:
    """The write tools behind the allowed actions, so that the server refuses the others, whoever calls."""
    tool = {
        "failover_region": "switch_traffic",
        "switch_traffic": "switch_traffic",
        "restart_service": "restart_service",
        "scale_service": "scale_service",
        "deploy_container": "deploy_container",
        "rollback_revision": "deploy_container",
    }
    return {tool[action] for action in target.actions() if action in tool}
