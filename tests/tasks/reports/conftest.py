"""The same small warehouse as in the tests of the KPI room."""

from __future__ import annotations

import pytest
from kpi_world import World


@pytest.fixture
def world() -> World:
    return World()
