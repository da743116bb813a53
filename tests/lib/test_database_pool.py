"""After an outage of the database, whoever asks is served as soon as it is back."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool, PoolTimeout

from orbit.launcher import embedded
from orbit.settings import base


@pytest.fixture
def given() -> dict[str, Any]:
    """What an installation has; the suite itself has no pools."""
    found: dict[str, Any] = base._connection("orbit_app")["OPTIONS"]["pool"]
    return found


def test_pool_gives_up_before_who_waits_for_it_does(given: dict[str, Any]) -> None:
    assert given["reconnect_timeout"] < given["timeout"]


@pytest.mark.full
def test_pool_that_failed_for_long_tries_again_when_asked(given: dict[str, Any]) -> None:
    """The server here only counts who comes: what is claimed is that the pool comes at all."""
    (port,) = embedded.free_ports(1)
    with ConnectionPool(f"host=127.0.0.1 port={port} dbname=x connect_timeout=2", **given) as pool:
        away_until = time.monotonic() + 16  # the pauses of a pool by its defaults are 1, 2, 4, 8 and 16 s
        while time.monotonic() < away_until:
            with pytest.raises(PoolTimeout):
                pool.getconn(timeout=1)
        with socket.create_server(("127.0.0.1", port)) as server:
            server.settimeout(6)
            waiting = threading.Thread(target=_ask, args=[pool])
            waiting.start()
            connection, _ = server.accept()
            connection.close()
            waiting.join()


def _ask(pool: ConnectionPool[psycopg.Connection]) -> None:
    with suppress(PoolTimeout):
        pool.getconn(timeout=5)
