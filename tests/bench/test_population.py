"""The generated population is one that the gateway itself could have left."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from psycopg import sql
from psycopg.rows import dict_row

from audit import chain
from audit.events import COLUMNS, exported
from bench.population.fill import fill
from bench.population.plan import Plan, Size
from quotas import rollups

SIZE = Size(organizations=6, keys=400, events=3_000, seed=7, until=datetime(2026, 11, 30, 12, tzinfo=UTC))
Row = dict[str, Any]


def _owner_url(database: str) -> str:
    return urlunsplit(urlsplit(settings.DATABASE_OWNER_URL)._replace(path=f"/{database}"))


@pytest.fixture(scope="module")
def filled() -> Iterator[psycopg.Connection[Row]]:
    """An empty copy of the suite's template, with a population."""
    template, name = (
        f"orbit_{os.environ['ORBIT_TEST_RUN']}_template",
        f"orbit_{secrets.token_hex(6)}_population",
    )
    with psycopg.connect(_owner_url("postgres"), autocommit=True) as admin:
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        admin.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
        try:
            fill(_owner_url(name), SIZE, lambda text: None)
            with psycopg.connect(_owner_url(name), autocommit=True, row_factory=dict_row) as connection:
                yield connection
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _all(connection: psycopg.Connection[Row], query: str) -> list[Row]:
    return connection.execute(query.encode()).fetchall()


def _events(connection: psycopg.Connection[Row]) -> list[Row]:
    found = _all(connection, "SELECT * FROM audit_event ORDER BY organization_id, seq")
    return [{name: row[name] for name in COLUMNS} for row in found]


def test_there_is_as_much_as_was_asked_for(filled: psycopg.Connection[Row]) -> None:
    counts = {
        table: _all(filled, f"SELECT count(*) AS n FROM {table}")[0]["n"]
        for table in ("tenants_organization", "tenants_apikey", "audit_event")
    }
    assert counts == {
        "tenants_organization": SIZE.organizations,
        "tenants_apikey": SIZE.keys,
        "audit_event": SIZE.events,
    }
    assert {event["kind"] for event in _events(filled)} == {"call", "refusal", "act"}
    assert _all(filled, "SELECT count(*) AS n FROM audit_event_other") == [{"n": 0}]


def test_every_chain_holds_and_ends_at_its_head(filled: psycopg.Connection[Row]) -> None:
    ends: dict[UUID, tuple[int, str]] = {}
    for event in _events(filled):
        seq, before = ends.get(event["organization_id"], (0, chain.START))
        assert (event["seq"], event["prev_hash"]) == (seq + 1, before)
        assert chain.link(exported(event)) == event["hash"]
        ends[event["organization_id"]] = (event["seq"], event["hash"])
    heads = _all(filled, "SELECT organization_id, seq, hash FROM audit_chainhead")
    assert ends == {head["organization_id"]: (head["seq"], head["hash"]) for head in heads}
    positions = _all(filled, "SELECT sum(shard_seq) AS n FROM audit_shardposition")
    assert positions == [{"n": SIZE.events}]


def test_rollups_are_those_of_the_events(filled: psycopg.Connection[Row]) -> None:
    events = _events(filled)
    assert _kept(filled, rollups.QUARTERS) == rollups.sums(events)
    assert _kept(filled, rollups.FACETS) == rollups.by_facet(events)


def test_coarser_rollups_are_those_of_the_writer(filled: psycopg.Connection[Row]) -> None:
    by_object = rollups.sums(_events(filled))
    by_day, whole = rollups.coarser(by_object)
    assert _kept(filled, rollups.DAYS) == by_day
    assert _kept(filled, rollups.TOTALS) == whole


def _kept(connection: psycopg.Connection[Row], table: rollups.Table) -> rollups.Sums:
    rows = _all(connection, f"SELECT * FROM {table.name}")
    return {tuple(row[name] for name in table.key): [int(row[name]) for name in rollups.SUMS] for row in rows}


def test_row_level_security_is_forced_again(filled: psycopg.Connection[Row]) -> None:
    query = "SELECT relname FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity"
    assert _all(filled, query) == []


def test_the_same_seed_makes_the_same_rows() -> None:
    def made(seed: int) -> list[str]:
        plan = Plan(Size(4, 50, 0, seed, SIZE.until))
        return [f"{row.pk} {row}" for row in [*plan.organizations(), *plan.keys()]]

    assert made(1) == made(1)
    assert made(1) != made(2)


def test_a_database_with_tenants_is_left_alone(filled: psycopg.Connection[Row]) -> None:
    with pytest.raises(RuntimeError, match="already"):
        fill(_owner_url(filled.info.dbname), SIZE, lambda text: None)
