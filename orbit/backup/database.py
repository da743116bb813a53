"""What backup and restore ask the database themselves, as the owner of its schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, cast

import psycopg
from psycopg import sql

from orbit.backup.failures import CannotBackUp
from orbit.lib.rowlevel import CREATE_ROLES, ROLES

_ASIDE = "orbit_before_restore"
# What an installation has as soon as anybody has used it.
_USED = ("tenants_organization", "tenants_person", "audit_event", "audit_chainhead")


def major(connection: psycopg.Connection) -> int:
    return connection.info.server_version // 10_000


def value(connection: psycopg.Connection, query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def is_used(connection: psycopg.Connection) -> bool:
    """Whether anybody is known, owns anything or has left a trace."""
    return any(_has_rows(connection, table) for table in _USED)


def _has_rows(connection: psycopg.Connection, table: str) -> bool:
    if connection.execute(b"SELECT to_regclass('public.' || %s)", [table]).fetchone() == (None,):
        return False
    some = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(table))
    return connection.execute(some).fetchone() == (True,)


def others(connection: psycopg.Connection) -> int:
    """Sessions of the same database beside this one."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND backend_type = 'client backend'"
    )
    return cast("int", value(connection, query))


def functions_of_roles(connection: psycopg.Connection) -> dict[str, str]:
    """Functions that act as one of our roles. A dump without owners would leave them to the schema's owner, who may more."""
    query = b"""SELECT p.oid::regprocedure::text, r.rolname FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
        WHERE p.pronamespace = 'public'::regnamespace AND r.rolname = ANY(%s)"""
    return dict(connection.execute(query, [list(ROLES)]).fetchall())


def give_functions(connection: psycopg.Connection, owners: Mapping[str, str]) -> None:
    for function, owner in owners.items():
        if owner not in ROLES:
            raise CannotBackUp(
                f"The backup gives the function {function} to {owner}, which is no role of ours."
            )
        signature = value(
            connection, sql.SQL("SELECT {}::regprocedure::text").format(function).as_string(connection)
        )
        connection.execute(
            f"""GRANT {owner} TO CURRENT_USER; GRANT CREATE ON SCHEMA public TO {owner};
            ALTER FUNCTION {signature} OWNER TO {owner}; REVOKE CREATE ON SCHEMA public FROM {owner}""".encode()
        )


@contextmanager
def fresh_schema(connection: psycopg.Connection) -> Iterator[None]:
    """An empty schema for the block to fill. What was there comes back when the block fails, else it is gone."""
    if value(connection, f"SELECT to_regnamespace('{_ASIDE}') IS NOT NULL"):
        raise CannotBackUp(
            f"A restore was cut short here: the schema {_ASIDE} holds what was before. Drop the schema public and rename "
            f"{_ASIDE} to public, or drop {_ASIDE}; then restore again."
        )
    connection.execute(CREATE_ROLES.encode())
    connection.execute(f"ALTER SCHEMA public RENAME TO {_ASIDE}".encode())
    _make_public(connection)
    try:
        yield
    except BaseException:
        with connection.transaction():
            connection.execute(b"DROP SCHEMA public CASCADE")
            connection.execute(f"ALTER SCHEMA {_ASIDE} RENAME TO public".encode())
        raise
    connection.execute(f"DROP SCHEMA {_ASIDE} CASCADE".encode())
    connection.execute(b"ANALYZE")


def _make_public(connection: psycopg.Connection) -> None:
    """As Postgres makes it for a new database: dumps tell only what differs from that."""
    connection.execute(b"CREATE SCHEMA public")
    connection.execute(b"GRANT USAGE ON SCHEMA public TO PUBLIC")
    connection.execute(b"COMMENT ON SCHEMA public IS 'standard public schema'")
    with suppress(
        psycopg.errors.InsufficientPrivilege
    ):  # of an owner of the schema who is not the database's
        connection.execute(b"ALTER SCHEMA public OWNER TO pg_database_owner")
