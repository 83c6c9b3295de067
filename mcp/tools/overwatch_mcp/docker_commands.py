"""The command lines that do what the tools do on Docker, quoted for a POSIX shell."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from overwatch_mcp.az_commands import in_safe_order
from overwatch_mcp.config import DockerTarget
from overwatch_mcp.docker_member import PROJECT, REGION


class DockerCommands:
    """Implements `platform.Commands`.

    A container's many settings make no command line for a person, so that making containers is said by the tool's own module,
    which does it step by step.
    """

    def __init__(self, target: str, config: DockerTarget) -> None:
        self._target = target
        self._config = config

    def restart(self, region: str, revision: str) -> str:
        """`docker restart`, one container after the other; those that are kept stopped are left out by their names."""
        del revision
        labels = (f"label={PROJECT}={self._config.project}", f"label={REGION}={self._config.regions[region].service}")
        filters = [word for label in labels for word in ("--filter", label)]
        listing = shlex.join(("docker", "ps", "-a", "--format", "{{.Names}}", *filters))
        return rf"{listing} | grep -Ev '\.(retired|failed|leaving)-' | xargs -r -n 1 docker restart"

    def deploy(self, region: str, image: str, suffix: str) -> str:
        """The tool's module."""
        del suffix
        return self._module("deploy_container", region, "--image", image)

    def copy(self, region: str, revision: str, suffix: str) -> str:
        """The tool's module."""
        del suffix
        return self._module("rollback_revision", region, "--revision", revision)

    def scale(self, region: str, minimum: int, maximum: int, suffix: str) -> str:
        """The tool's module."""
        del maximum, suffix
        return self._module("scale_service", region, "--replicas", str(minimum))

    def switch(self, weights: Mapping[str, int]) -> str:
        """HAProxy's runtime commands by `socat`, those regions first that receive traffic."""
        return " && ".join(self._server(region, weight) for region, weight in in_safe_order(weights))

    def _server(self, region: str, weight: int) -> str:
        traffic = self._config.traffic
        if traffic is None:
            return ""
        server = f"{traffic.backend}/{traffic.servers[region]}"
        words = [f"set server {server} state drain"]
        if weight:
            words = [f"set server {server} weight {weight}", f"set server {server} state ready"]
        address = f"UNIX-CONNECT:{traffic.socket}" if traffic.socket.startswith("/") else f"TCP:{traffic.socket}"
        return f"{shlex.join(('echo', '; '.join(words)))} | {shlex.join(('socat', '-', address))}"

    def _module(self, tool: str, region: str, *words: str) -> str:
        return shlex.join(("python", "-m", f"overwatch_mcp.{tool}", "--target", self._target, "--region", region, *words))
