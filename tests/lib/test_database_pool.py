"""After an outage of the database, whoever asks is served as soon as it is back."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import psycopg
import pytest
from django.conf import settings
from psycopg_pool import ConnectionPool, PoolTimeout

from orbit.launcher import embedded


@pytest.mark.parametrize("alias", ["default", "ledger", "operator"])
def test_pool_gives_up_before_who_waits_for_it_does(alias: str) -> None:
    pool = settings.DATABASES[alias]["OPTIONS"]["pool"]
    assert pool["reconnect_timeout"] < pool["timeout"]


@pytest.mark.full
def test_pool_that_failed_for_long_tries_again_when_asked() -> None:
    """The server here only counts who comes: what is claimed is that the pool comes at all."""
    (port,) = embedded.free_ports(1)
    given: dict[str, Any] = settings.DATABASES["default"]["OPTIONS"]["pool"]
    came = threading.Event()
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
            came.set()
            connection.close()
            waiting.join()
    assert came.is_set()


def _ask(pool: ConnectionPool[psycopg.Connection]) -> None:
    try:
        pool.getconn(timeout=5)
    except PoolTimeout:
        pass
