"""A warehouse as the marts read it, filled from data."""

from __future__ import annotations

import pytest
from kpi_world import World


@pytest.fixture
def world() -> World:
    return World()
