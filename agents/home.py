"""Where all state lies. A module of its own, because a health check must know it without loading the settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs


def home(environ: Mapping[str, str] | None = None) -> Path:
    """Where all state lies: `OVERWATCH_HOME`, or the platform's state folder. Not created here."""
    env = os.environ if environ is None else environ
    if named := env.get("OVERWATCH_HOME"):
        return Path(named).expanduser().absolute()
    return Path(platformdirs.user_state_path("overwatch", appauthor=False))
