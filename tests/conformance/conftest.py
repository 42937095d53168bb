"""The same suite for the fake and for the real thing."""

from collections.abc import Callable

import pytest
from worlds import Open, memory_world, postgres_world


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def world(request: pytest.FixtureRequest) -> Open:
    """Opens a new desk."""
    if request.param == "memory":
        return memory_world
    new_database: Callable[[], str] = request.getfixturevalue("new_database")
    return lambda: postgres_world(new_database())
