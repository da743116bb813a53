"""Unique strings in every text of an organization's rows, and a digest of those rows. Written and read as the owner.

Both are made from the models, so that a new table or column is covered without being named here.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import models
from psycopg import sql

from tenants.models import Organization

LEAST = 20  # characters of a column that a canary fits into
TEXTS = (models.CharField, models.TextField)
# Where another text would break the organization's own pages, or is what everybody asks for it by.
KEPT = {"time_zone", "slug"}


@contextmanager
def owner() -> Iterator[psycopg.Connection[Any]]:
    """As the schema's owner, whom in tests no row-level security binds."""
    with psycopg.connect(settings.DATABASE_OWNER_URL) as connection:
        yield connection


def column_of_organization(model: type[models.Model]) -> str:
    return "id" if model is Organization else "organization_id"


def plant(
    connection: psycopg.Connection[Any], model: type[models.Model], organization_id: UUID
) -> tuple[list[str], list[str]]:
    """Puts another canary into each text of the organization's rows; returns which columns took one, and which did not."""
    columns: tuple[list[str], list[str]] = ([], [])
    for field in _fields(model):
        taken = _planted(connection, model, field, organization_id)
        columns[0 if taken else 1].append(f"{model.__name__}.{field.name}")
    return columns


def mark(organization_id: UUID) -> str:
    """What all canaries of an organization have in common, and nothing else has."""
    return "qz" + hashlib.sha256(organization_id.bytes).hexdigest()[:8]


def _fields(model: type[models.Model]) -> Iterator[models.Field[Any, Any]]:
    for field in model._meta.concrete_fields:
        if field.primary_key or field.remote_field or field.choices or field.name in KEPT:
            continue
        if isinstance(field, models.JSONField | models.BinaryField) or (
            isinstance(field, TEXTS) and (field.max_length or LEAST) >= LEAST
        ):
            yield field


def _planted(
    connection: psycopg.Connection[Any],
    model: type[models.Model],
    field: models.Field[Any, Any],
    organization_id: UUID,
) -> bool:
    """Where a rule of the database refuses a text in some rows, only those that have one get another."""
    column = sql.Identifier(str(field.column))
    statement = sql.SQL("UPDATE {} SET {} = {} WHERE {} = %(whose)s AND {}")
    conditions: list[sql.Composable] = [sql.SQL("true")]
    if isinstance(field, TEXTS):
        conditions.append(sql.SQL("{} <> ''").format(column))
    elif isinstance(field, models.JSONField):
        conditions = [sql.SQL("{} IS NOT NULL").format(column)]
    for condition in conditions:
        filled = statement.format(
            sql.Identifier(model._meta.db_table),
            column,
            _canary(field),
            sql.Identifier(column_of_organization(model)),
            condition,
        )
        try:
            with connection.transaction():
                given = {"whose": organization_id, "mark": mark(organization_id)}
                return connection.execute(filled, given).rowcount > 0
        except psycopg.errors.IntegrityError:
            continue
    return False


def _canary(field: models.Field[Any, Any]) -> sql.Composable:
    one = "(%(mark)s || substr(md5(random()::text), 1, 8))"
    column = sql.Identifier(str(field.column))
    if isinstance(field, models.EmailField):
        return sql.SQL(one + " || '@example.org'")
    if isinstance(field, models.BinaryField):
        return sql.SQL(f"convert_to({one} || '{secrets.token_hex(7)}', 'UTF8')")
    if isinstance(field, models.JSONField):
        note = f"jsonb_build_object('note', {one})"
        return sql.SQL(
            f"CASE jsonb_typeof({{0}}) WHEN 'object' THEN {{0}} || {note} WHEN 'array' THEN {{0}} || {note} ELSE {note} END"
        ).format(column)
    return sql.SQL(one)


def digest(
    connection: psycopg.Connection[Any], tables: list[type[models.Model]], whose: UUID
) -> dict[str, str]:
    """Of all the organization's rows, by table."""
    found = {}
    for model in tables:
        statement = sql.SQL(
            "SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {} t WHERE {} = %s"
        ).format(sql.Identifier(model._meta.db_table), sql.Identifier(column_of_organization(model)))
        row = connection.execute(statement, [whose]).fetchone()
        assert row is not None
        found[model._meta.label_lower] = row[0]
    return found
