"""What a process checks before it opens a port or takes a task: a store or role that would break a promise.

A store that cannot be reached is no reason to refuse; one that can and is unsafe, is.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import ERROR, Tags, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections
from redis import Redis
from redis.exceptions import RedisError

from orbit.lib.rowlevel import APP, LEDGER, OPERATOR
from orbit.lib.store import servers

SECRETS = {
    "ORBIT_SECRET_KEY": "SECRET_KEY",
    "ORBIT_KEY_PEPPER": "ORBIT_KEY_PEPPER",
    "ORBIT_MASTER_KEY": "ORBIT_MASTER_KEY",
}
ROLES = {"default": APP, "ledger": LEDGER, "operator": OPERATOR}


def problems() -> list[str]:
    """In words, each naming the setting that mends it."""
    return _secrets() + _settings() + _database() + _store()


def _secrets() -> list[str]:
    return [
        f"{variable} is not set. docs/configuration.md says how to make it."
        for variable, name in SECRETS.items()
        if not _given(name)
    ]


def _settings() -> list[str]:
    """What the apps' own checks refuse; commands of manage.py run them by themselves, servers do not."""
    return [str(found.msg) for found in run_checks(tags=[Tags.security]) if found.level >= ERROR]


def _given(name: str) -> bool:
    try:
        return bool(getattr(settings, name))
    except ImproperlyConfigured:  # Django's own word for an empty SECRET_KEY
        return False


def _database() -> list[str]:
    found = []
    for alias, role in ROLES.items():
        try:
            with connections[alias].cursor() as cursor:
                cursor.execute(
                    "SELECT current_user, rolsuper OR rolbypassrls OR EXISTS "
                    "(SELECT FROM pg_class WHERE relname = 'tenants_organization' AND relowner = pg_roles.oid) "
                    "FROM pg_roles WHERE rolname = current_user"
                )
                user, unbound = cursor.fetchone()
        except DatabaseError:
            continue
        finally:
            connections[alias].close()
        if user != role or unbound:
            found.append(
                f"The database connection {alias!r} works as {user!r}, who is not bound by row-level security. "
                f"DATABASE_URL must let it become {role!r}: run `manage.py migrate` and `manage.py ensure_roles`."
            )
    return found


def _store() -> list[str]:
    if settings.ORBIT_REDIS_UNSAFE:
        return []
    try:
        return [problem for server in servers() for problem in _server(server)]
    except RedisError:
        return []


def _server(server: Redis) -> list[str]:
    where = server.connection_pool.connection_kwargs
    name = f"{where.get('host')}:{where.get('port')}"
    try:
        found: Any = server.config_get("maxmemory-policy", "appendonly")
    except RedisError:
        return []  # away, or a managed service that does not tell
    problems = []
    if found.get("maxmemory-policy", "noeviction") != "noeviction":
        problems.append(
            f"Redis at {name} may evict counters. Set maxmemory-policy to noeviction, or ORBIT_REDIS_UNSAFE=1 to "
            "run all the same."
        )
    if found.get("appendonly", "yes") != "yes":
        problems.append(
            f"Redis at {name} keeps no append-only file, so a restart would lose counters. Set appendonly to yes, "
            "or ORBIT_REDIS_UNSAFE=1 to run all the same."
        )
    return problems
