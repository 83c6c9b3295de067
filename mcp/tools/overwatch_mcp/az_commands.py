"""The `az` argument lists that do what the tools do: for the person who reads the record, and for `az_edge`, which runs them.

What is printed is what works by hand, quoted for a POSIX shell; what is run never sees a shell.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from overwatch_mcp.config import AzureTarget, FrontDoorConfig, TrafficManagerConfig

CDN_API_VERSION = "2024-02-01"
FULL_WEIGHT = 1000
"""Both edges count shares from 1 to this."""


def native_weight(percent: int) -> int:
    """The edges' own number for a share in percent."""
    return percent * FULL_WEIGHT // 100


class AzCommands:
    """Implements `platform.Commands` with the Azure CLI."""

    def __init__(self, config: AzureTarget) -> None:
        self._config = config

    def restart(self, region: str, revision: str) -> str:
        """`az containerapp revision restart`."""
        return self._line("containerapp", "revision", "restart", "-n", self._app(region), "--revision", revision)

    def deploy(self, region: str, image: str, suffix: str) -> str:
        """`az containerapp update` with an image."""
        return self._line("containerapp", "update", "-n", self._app(region), "--image", image, "--revision-suffix", suffix)

    def copy(self, region: str, revision: str, suffix: str) -> str:
        """`az containerapp revision copy`."""
        words = ("containerapp", "revision", "copy", "-n", self._app(region), "--from-revision", revision)
        return self._line(*words, "--revision-suffix", suffix)

    def scale(self, region: str, minimum: int, maximum: int, suffix: str) -> str:
        """`az containerapp update` with bounds."""
        bounds = ("--min-replicas", str(minimum), "--max-replicas", str(maximum))
        return self._line("containerapp", "update", "-n", self._app(region), *bounds, "--revision-suffix", suffix)

    def switch(self, weights: Mapping[str, int]) -> str:
        """One update of the edge for each region, those that receive traffic first."""
        traffic = self._config.traffic
        if traffic is None:
            return ""
        updates = (set_door(self._config, traffic, region, native_weight(percent)) for region, percent in in_safe_order(weights))
        return " && ".join(shlex.join(("az", *words)) for words in updates)

    def _app(self, region: str) -> str:
        return self._config.regions[region].container_app

    def _line(self, *words: str) -> str:
        return shlex.join(("az", *words, *_scope(self._config)))


def read_doors(config: AzureTarget, traffic: FrontDoorConfig | TrafficManagerConfig) -> list[str]:
    """The arguments that read the edge: the origins of the group, or the profile with its endpoints."""
    if isinstance(traffic, FrontDoorConfig):
        return ["rest", "--method", "get", "--url", _origins(config, traffic)]
    return ["network", "traffic-manager", "profile", "show", "-n", traffic.profile, *_scope(config)]


def set_door(config: AzureTarget, traffic: FrontDoorConfig | TrafficManagerConfig, region: str, weight: int) -> list[str]:
    """The arguments that give a region's door a weight; 0 disables it, as neither edge knows a weight 0.

    Front Door's own commands have left the core of the CLI for an extension, and wait for the end of the change: a raw request
    needs neither.
    """
    state = "Enabled" if weight else "Disabled"
    if isinstance(traffic, FrontDoorConfig):
        share = {"weight": weight, "priority": 1} if weight else {}
        body = json.dumps({"properties": {"enabledState": state, **share}})
        return ["rest", "--method", "patch", "--url", _origins(config, traffic, f"/{traffic.origins[region]}"), "--body", body]
    words = ["network", "traffic-manager", "endpoint", "update", "--profile-name", traffic.profile]
    words += ["-n", traffic.endpoints[region], "--type", traffic.endpoint_type, "--endpoint-status", state]
    return [*words, *(["--weight", str(weight)] if weight else []), *_scope(config)]


def _origins(config: AzureTarget, traffic: FrontDoorConfig, origin: str = "") -> str:
    """Where the origins are; the CLI knows the address of its cloud's Resource Manager."""
    group = f"/subscriptions/{config.subscription_id}/resourceGroups/{config.resource_group}"
    door = f"{group}/providers/Microsoft.Cdn/profiles/{traffic.profile}/originGroups/{traffic.origin_group}"
    return f"{door}/origins{origin}?api-version={CDN_API_VERSION}"


def in_safe_order(weights: Mapping[str, int]) -> list[tuple[str, int]]:
    """Regions that receive traffic before those that lose it, so that there is always somewhere to go."""
    return sorted(weights.items(), key=lambda item: (item[1] == 0, item[0]))


def _scope(config: AzureTarget) -> tuple[str, ...]:
    return ("-g", config.resource_group, "--subscription", config.subscription_id)
