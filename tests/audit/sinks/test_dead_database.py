"""A sink's thread goes on when the database is back, whenever it went away."""

from __future__ import annotations

import random

import pytest
from django.db import OperationalError

from audit.sinks import progress
from tests.dead_connections import hang_up


def test_connection_that_dies_before_the_lock_was_had_is_not_asked_again() -> None:
    sink_id = random.randrange(10**9)
    hang_up("operator")
    with pytest.raises(OperationalError), progress.leading(sink_id):
        pass
    with progress.leading(sink_id) as leads:
        assert leads
