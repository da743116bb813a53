"""The stages of `make faults`, on the suite's servers. Each starts its workers once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from faults import kills, stampedes, stores
from faults.stage import Stage


@pytest.fixture(scope="module")
def far_store() -> Iterator[Stage]:
    with stampedes.far_store(None) as made:
        yield made


@pytest.fixture(scope="module")
def deadly() -> Iterator[Stage]:
    with kills.deadly(None) as made:
        yield made


@pytest.fixture(scope="module")
def impatient() -> Iterator[Stage]:
    with stores.impatient(None) as made:
        yield made
