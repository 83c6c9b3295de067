"""The `az` command lines that do what the tools do, quoted for a POSIX shell."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from overwatch_mcp.config import AzureTarget, FrontDoorConfig


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
        """One `az afd origin update` for each region, those that receive traffic first."""
        return " && ".join(self._origin(region, weight) for region, weight in in_safe_order(weights))

    def _origin(self, region: str, weight: int) -> str:
        traffic = self._config.traffic
        if not isinstance(traffic, FrontDoorConfig):
            return ""
        where = ("--profile-name", traffic.profile, "--origin-group-name", traffic.origin_group)
        state = ("--enabled-state", "Enabled", "--weight", str(weight * 10)) if weight else ("--enabled-state", "Disabled")
        return self._line("afd", "origin", "update", *where, "--origin-name", traffic.origins[region], *state)

    def _app(self, region: str) -> str:
        return self._config.regions[region].container_app

    def _line(self, *words: str) -> str:
        scope = ("-g", self._config.resource_group, "--subscription", self._config.subscription_id)
        return shlex.join(("az", *words, *scope))


def in_safe_order(weights: Mapping[str, int]) -> list[tuple[str, int]]:
    """Regions that receive traffic before those that lose it, so that there is always somewhere to go."""
    return sorted(weights.items(), key=lambda item: (item[1] == 0, item[0]))
