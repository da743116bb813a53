"""What somebody with all rights on the database can do to a ledger, and who then makes every hash anew."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.conf import settings
from psycopg.types.json import Jsonb

from audit import chain
from audit.checkpoints import signer
from audit.events import COLUMNS, exported
from tenants.services import create_organization
from tests.audit.conftest import Feed

Row = dict[str, Any]
Change = Callable[[list[Row]], list[Row]]
NAMES = ", ".join(f'"{name}"' for name in COLUMNS)


@contextmanager
def superuser() -> Iterator[psycopg.Connection]:
    with psycopg.connect(settings.DATABASE_OWNER_URL) as connection:
        found = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
        assert found == (True,)
        yield connection


def rewrite(feed: Feed, change: Change) -> None:
    """The organization's rows as `change` leaves them, numbered, chained and hashed as if the writer had written them."""
    with superuser() as connection:
        _replace(connection, feed, change(_rows(connection, feed)))


def exchange(one: Feed, two: Feed, seq: int) -> None:
    """The event with that sequence of one organization for that of another; each is made to look like the other's own."""
    with superuser() as connection:
        ones, twos = _rows(connection, one), _rows(connection, two)
        mine, its = ones[seq - 1], twos[seq - 1]
        owner = ("organization_id", "organization")
        ones[seq - 1] = {**its, **{name: mine[name] for name in owner}}
        twos[seq - 1] = {**mine, **{name: its[name] for name in owner}}
        for feed in (one, two):
            connection.execute("DELETE FROM audit_event WHERE organization_id = %s", [feed.id])
        _replace(connection, one, ones)
        _replace(connection, two, twos)


def put_back(feed: Feed, seq: int, checkpoint: int) -> None:
    """The database as of an older backup: what was written and signed since is in it nowhere."""
    rewrite(feed, lambda rows: rows[:seq])
    with superuser() as connection:
        connection.execute("DELETE FROM audit_checkpoint WHERE number > %s", [checkpoint])
        connection.execute("DELETE FROM audit_checkpointhead WHERE number > %s", [checkpoint])


def _rows(connection: psycopg.Connection, feed: Feed) -> list[Row]:
    found = connection.execute(
        f"SELECT {NAMES} FROM audit_event WHERE organization_id = %s ORDER BY seq".encode(), [feed.id]
    )
    return [dict(zip(COLUMNS, row, strict=True)) for row in found]


def _replace(connection: psycopg.Connection, feed: Feed, rows: list[Row]) -> None:
    before = chain.START
    for seq, row in enumerate(rows, 1):
        row.update(seq=seq, prev_hash=before)
        row["hash"] = before = chain.link(exported(row))
    connection.execute("DELETE FROM audit_event WHERE organization_id = %s", [feed.id])
    marks = ", ".join(["%s"] * len(COLUMNS))
    for row in rows:
        values = [Jsonb(row[name]) if name == "detail" else row[name] for name in COLUMNS]
        connection.execute(f"INSERT INTO audit_event ({NAMES}) VALUES ({marks})".encode(), values)
    connection.execute(
        "UPDATE audit_chainhead SET seq = %s, hash = %s WHERE organization_id = %s",
        [len(rows), before, feed.id],
    )


def calls(feed: Feed, count: int) -> None:
    for _ in range(count):
        feed.send(feed.call())
        feed.write()


def signed(feed: Feed, *counts: int) -> list[int]:
    """After each count of calls a checkpoint; their numbers."""
    numbers = []
    for count in counts:
        calls(feed, count)
        made, _ = signer.sign()
        assert made is not None
        numbers.append(made.number)
    return numbers


def another() -> Feed:
    made = Feed(create_organization(slug=f"t-{secrets.token_hex(6)}", actor="test"))
    made.write()
    return made
