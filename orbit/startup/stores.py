"""The database and the store: as whom we work there, what they keep, and what time it is for them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connections
from redis import Redis
from redis.exceptions import RedisError

from orbit.lib.rowlevel import APP, LEDGER, OPERATOR
from orbit.lib.store import servers

ROLES = {"default": APP, "ledger": LEDGER, "operator": OPERATOR}
MOST_SKEW_S = 60.0  # windows and leases are of the store's time, what is billed of the database's
SOME_SKEW_S = 2.0

# Whoever owns the tables, or is over row-level security, sees all organizations.
_UNBOUND = (
    "rolsuper OR rolbypassrls OR EXISTS (SELECT FROM pg_class WHERE relname = 'tenants_organization' AND relowner = "
    "pg_roles.oid)"
)


def examined() -> tuple[list[str], list[str]]:
    """What refuses the start, and what is only told. Of a server that is away nothing more is asked."""
    of_roles, of_stores = _roles(), _stores()
    told = [*_skews_of_database()] if of_roles is not None else []
    told += [*_skews_of_store()] if of_stores is not None else []
    far = [_words(name, skew_s) for name, skew_s in told if abs(skew_s) > MOST_SKEW_S]
    near = [_words(name, skew_s) for name, skew_s in told if SOME_SKEW_S < abs(skew_s) <= MOST_SKEW_S]
    return [*(of_roles or ()), *(of_stores or ()), *far], near


def _roles() -> list[str] | None:
    """None where the database is away."""
    problems: list[str] = []
    for alias, role in ROLES.items():
        try:
            with connections[alias].cursor() as cursor:
                cursor.execute(
                    f"SELECT rolname, rolname = session_user, {_UNBOUND} FROM pg_roles "  # noqa: S608 - our own words
                    "WHERE rolname IN (current_user, session_user)"
                )
                found = {name: (signs_in, unbound) for name, signs_in, unbound in cursor.fetchall()}
                cursor.execute("SELECT current_user")
                user = cursor.fetchone()[0]
        except DatabaseError:
            return None
        finally:
            connections[alias].close()
        problems += _of_role(alias, role, user, found)
    return problems


def _of_role(alias: str, role: str, user: str, found: dict[str, tuple[bool, bool]]) -> Iterator[str]:
    if user != role or found[user][1]:
        yield (
            f"The database connection {alias!r} works as {user!r}, who is not bound by row-level security. "
            f"DATABASE_URL must let it become {role!r}: run `manage.py migrate` and `manage.py ensure_roles`."
        )
    elif alias == "default":
        for name, (signs_in, unbound) in found.items():
            if signs_in and unbound:
                yield (
                    f"DATABASE_URL signs in as {name!r}, who is a superuser, passes row-level security by, or owns the "
                    "tables. Give it a login role that may only become the gateway's (docs/configuration.md), and name "
                    "the owner in DATABASE_OWNER_URL."
                )


def _stores() -> list[str] | None:
    """None where the store is away."""
    try:
        if settings.ORBIT_REDIS_UNSAFE:
            return []
        return [problem for server in servers() for problem in _server(server)]
    except RedisError:
        return None


def _server(server: Redis) -> Iterator[str]:
    name = _name(server)
    try:
        found: Any = server.config_get("maxmemory-policy", "appendonly")
    except RedisError:
        return  # away, or a managed service that does not tell
    if found.get("maxmemory-policy", "noeviction") != "noeviction":
        yield (
            f"Redis at {name} may evict counters. Set maxmemory-policy to noeviction, or ORBIT_REDIS_UNSAFE=1 to "
            "run all the same."
        )
    if found.get("appendonly", "yes") != "yes":
        yield (
            f"Redis at {name} keeps no append-only file, so a restart would lose counters. Set appendonly to yes, "
            "or ORBIT_REDIS_UNSAFE=1 to run all the same."
        )


def _name(server: Redis) -> str:
    where = server.connection_pool.connection_kwargs
    return f"{where.get('host')}:{where.get('port')}"


def _words(name: str, skew_s: float) -> str:
    way = "ahead of" if skew_s > 0 else "behind"
    return (
        f"The clock of {name} is {abs(skew_s):.0f} s {way} this machine's: limits, leases and bills would be of the wrong "
        "time. Set the wrong one by NTP."
    )


def _skews_of_database() -> Iterator[tuple[str, float]]:
    try:
        with connections["default"].cursor() as cursor:
            began = now()
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
            yield "Postgres (DATABASE_URL)", _beyond(began, cursor.fetchone()[0], now())
    except DatabaseError:
        return
    finally:
        connections["default"].close()


def _skews_of_store() -> Iterator[tuple[str, float]]:
    try:
        for server in servers():
            began = now()
            told: Any = server.time()
            yield f"Redis at {_name(server)} (REDIS_URL)", _beyond(began, told[0] + told[1] / 1e6, now())
    except RedisError:
        return


def _beyond(began: float, theirs: float, ended: float) -> float:
    """Seconds by which a clock was outside the time in which it was asked."""
    return theirs - ended if theirs > ended else min(0.0, theirs - began)


def now() -> float:
    return time.time()
