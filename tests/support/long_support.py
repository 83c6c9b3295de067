"""Tests that take minutes in all: asked for with OVERWATCH_LONG=1."""

from __future__ import annotations

import os

import pytest

LONG = pytest.mark.skipif(os.environ.get("OVERWATCH_LONG") != "1", reason="takes long: OVERWATCH_LONG=1 runs it")
