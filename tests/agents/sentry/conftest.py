"""A Sentry in the simulated world of `sentry_support`."""

from __future__ import annotations

import pytest
from sentry_support import Station, target_settings


@pytest.fixture
def station() -> Station:
    return Station()


@pytest.fixture
def make_station():
    return Station


@pytest.fixture
def make_target():
    return target_settings
