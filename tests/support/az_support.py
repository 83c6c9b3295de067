"""The real Azure CLI, installed once into a cache of its own, and logged in to the local cloud."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VERSION = "2.91.0"
SECONDS = 120
"""The slowest commands take 20 s on a busy machine, most of it to load their modules."""


def cached_az() -> Path:
    """The program, installed beforehand where it is not yet: with uv in seconds, with pip in minutes."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "overwatch-tests" / f"azure-cli-{VERSION}"
    program, whole = cache / "bin" / "az", cache / "whole"
    if not whole.exists():
        shutil.rmtree(cache, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(cache)], check=True)
        python = str(cache / "bin" / "python")
        uv = shutil.which("uv")
        install = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
        subprocess.run([*install, "-q", f"azure-cli=={VERSION}"], check=True)
        whole.touch()
    return program


@dataclass(frozen=True)
class Az:
    """One user of the CLI, with a folder of its own for what it remembers."""

    program: Path
    folder: Path
    facts: Mapping[str, Any]

    def __call__(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command; its outcome, whatever it is."""
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "AZURE_CONFIG_DIR": str(self.folder),
            "AZURE_CORE_COLLECT_TELEMETRY": "0",
            "AZURE_CORE_INSTANCE_DISCOVERY": "false",
            "AZURE_CORE_ONLY_SHOW_ERRORS": "1",
            "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",
            "REQUESTS_CA_BUNDLE": str(self.facts["ca_file"]),
            **env,
        }
        command = [str(self.program), *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS)

    def json(self, *words: str, **env: str) -> Any:
        """What a command that must succeed prints."""
        done = self(*words, **env)
        assert done.returncode == 0, f"az {shlex.join(words)}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def line(self, text: str) -> Any:
        """Run a command line as a person would paste it."""
        first, *words = shlex.split(text)
        assert first == "az"
        return self.json(*words)

    def know_cloud(self) -> Az:
        """Register the local cloud, by its address alone."""
        self.json("cloud", "register", "-n", "Local", "--endpoint-resource-manager", self.facts["arm_url"])
        self.json("cloud", "set", "-n", "Local")
        return self

    def log_in(self, secret: str) -> subprocess.CompletedProcess[str]:
        """Log in as the service principal."""
        who = ("-u", self.facts["client_id"], "-p", secret, "--tenant", self.facts["tenant_id"])
        return self("login", "--service-principal", *who)
