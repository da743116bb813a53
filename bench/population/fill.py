"""Writes a population by COPY, as the schema's owner, and leaves a ledger as its writer would have."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import chain, islice
from typing import Any, LiteralString

import psycopg
from django.db import connection as django_connection
from django.db import models
from django.db.models.expressions import DatabaseDefault
from psycopg import sql

from bench.population.plan import Plan, Size
from bench.population.traffic import COLUMNS, Traffic
from quotas import rollups
from quotas.rollups import KEY, QUARTERS, SUMS, Table
from tenants.models import Person

FORCED = "SELECT relname FROM pg_class WHERE relforcerowsecurity AND relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
# What else the writer keeps is summed from the quarters; refusals name one code and one limit.
SUMMED = sql.SQL(", ").join(map(sql.Identifier, SUMS))
ADDED = sql.SQL(", ").join(sql.SQL("sum({})").format(sql.Identifier(name)) for name in SUMS)
DAYS = "organization_id, date_trunc('day', starts_at, 'UTC'), project_id, key_id, account_id, model, currency"
TOTALS = "organization_id, starts_at, currency"
CODES = "organization_id, 'code', starts_at, project_id, 'rate_limited', currency"
LIMITS = "organization_id, 'limit', starts_at, project_id, 'rpm', currency"

Say = Callable[[str], None]


def fill(owner_url: str, size: Size, say: Say, *, ledger: bool = True) -> None:
    """Without the ledger: what it was summed up to is there, and pages that read nothing else."""
    began = time.monotonic()
    with psycopg.connect(owner_url) as owner, not_forced(owner):
        if owner.execute("SELECT EXISTS (SELECT FROM tenants_organization)").fetchone() != (False,):
            raise RuntimeError("the database has organizations already")
        plan = Plan(size)
        _organizations(owner, plan)
        say(f"{size.organizations:,} organizations")
        rows = _copied(owner, plan.keys())
        owner.commit()
        say(f"{rows:,} keys, {time.monotonic() - began:.0f} s")
        _partitions(owner, plan)
        traffic = Traffic(plan, ledger)
        _events(owner, traffic, say)
        _sum_up(owner)
        _ends(owner, traffic)
    say(f"{traffic.written:,} events, {time.monotonic() - began:.0f} s")
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute("VACUUM (ANALYZE)")
    say(f"filled in {time.monotonic() - began:.0f} s")


@contextmanager
def not_forced(owner: psycopg.Connection[Any]) -> Iterator[None]:
    """COPY does not work into a table whose policies bind who copies. The owner is bound only where they are forced."""
    tables = [name for (name,) in owner.execute(FORCED).fetchall()]

    def turn(word: str) -> None:
        for name in tables:
            owner.execute(sql.SQL(f"ALTER TABLE {{}} {word} ROW LEVEL SECURITY").format(sql.Identifier(name)))
        owner.commit()

    turn("NO FORCE")
    try:
        yield
    finally:
        owner.rollback()
        turn("FORCE")


def _organizations(owner: psycopg.Connection[Any], plan: Plan) -> None:
    by_model: dict[type[models.Model], list[models.Model]] = {}
    for row in plan.organizations():
        by_model.setdefault(type(row), []).append(row)
    last = [max(person.pk for person in by_model[Person])]
    owner.execute("SELECT setval(pg_get_serial_sequence('tenants_person', 'id'), %s)", last)
    for rows in by_model.values():
        _copied(owner, rows)
    defaults = [(place.policy.id, place.row.id) for place in plan.places]
    with owner.cursor() as cursor:
        cursor.executemany("UPDATE tenants_organization SET policy_id = %s WHERE id = %s", defaults)
    owner.commit()


def _copied(owner: psycopg.Connection[Any], rows: Iterable[models.Model]) -> int:
    """Columns that the first row leaves to the database are left to it for all."""
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        return 0
    fields = [
        field
        for field in first._meta.concrete_fields
        if not isinstance(getattr(first, field.attname), DatabaseDefault)
        and not (field.primary_key and getattr(first, field.attname) is None)
    ]
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(first._meta.db_table),
        sql.SQL(", ").join(sql.Identifier(str(field.column)) for field in fields),
    )
    count = 0
    with owner.cursor() as cursor, cursor.copy(statement) as copy:
        for row in chain([first], rows):
            copy.write_row(
                [field.get_db_prep_save(getattr(row, field.attname), django_connection) for field in fields]
            )
            count += 1
    return count


def _partitions(owner: psycopg.Connection[Any], plan: Plan) -> None:
    """Of past months; those of this one and the next are there since the migrations."""
    month = plan.since.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while month < plan.size.until:
        after = (month + timedelta(days=32)).replace(day=1)
        owner.execute(
            sql.SQL(
                "CREATE TABLE IF NOT EXISTS {} PARTITION OF audit_event_d0 FOR VALUES FROM ({}) TO ({})"
            ).format(sql.Identifier(f"audit_event_{month:%Y_%m}"), month.isoformat(), after.isoformat())
        )
        month = after
    owner.commit()


def _events(owner: psycopg.Connection[Any], traffic: Traffic, say: Say) -> None:
    into_events = _copy("audit_event", COLUMNS)
    into_buckets = _copy(QUARTERS.name, (*KEY, *SUMS))
    quarters, said = traffic.quarters(), 0
    while some := list(islice(quarters, 96)):  # a day
        for statement, at in ((into_events, 0), (into_buckets, 1)):
            with owner.cursor() as cursor, cursor.copy(statement) as copy:
                for lines in some:
                    copy.write("".join(lines[at]))
        owner.commit()
        if traffic.written - said >= 1_000_000:
            said = traffic.written
            say(f"{said:,} events")


def _copy(table: str, columns: Iterable[str]) -> sql.Composed:
    return sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )


def _sum_up(owner: psycopg.Connection[Any]) -> None:
    """In the order of time, as the ledger's writer would have left them on disk."""
    whole: tuple[tuple[Table, LiteralString, LiteralString], ...] = (
        (rollups.DAYS, DAYS, "true"),
        (rollups.TOTALS, TOTALS, "true"),
        (rollups.FACETS, CODES, "refused > 0"),
        (rollups.FACETS, LIMITS, "refused > 0"),
    )
    for table, chosen, where in whole:
        groups = sql.SQL(", ").join(sql.Literal(at + 1) for at in range(len(table.key)))
        owner.execute(
            sql.SQL(
                "INSERT INTO {} ({}, {}) SELECT {}, {} FROM quotas_usagebucket WHERE {} GROUP BY {}"
                " ORDER BY {}"
            ).format(
                sql.Identifier(table.name),
                sql.SQL(", ").join(map(sql.Identifier, table.key)),
                SUMMED,
                sql.SQL(chosen),
                ADDED,
                sql.SQL(where),
                groups,
                sql.Literal(table.key.index("starts_at") + 1),
            )
        )
    owner.commit()


def _ends(owner: psycopg.Connection[Any], traffic: Traffic) -> None:
    """Where the writer would go on, and when each key was last used."""
    with owner.cursor() as cursor:
        with cursor.copy("COPY audit_chainhead (organization_id, seq, hash) FROM STDIN") as copy:
            for organization_id, head in traffic.heads.items():
                copy.write_row([organization_id, head.seq, head.hash])
        with cursor.copy(
            "COPY tenants_keyuse (key_id, organization_id, used_at, address) FROM STDIN"
        ) as copy:
            for key_id, (used_at, organization_id) in traffic.uses.items():
                copy.write_row([key_id, organization_id, used_at, "10.0.0.7"])
        cursor.executemany(
            "UPDATE audit_shardposition SET shard_seq = %s WHERE shard = %s",
            [(shard_seq, shard) for shard, shard_seq in traffic.shards.items()],
        )
    owner.commit()
