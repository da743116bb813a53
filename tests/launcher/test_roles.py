"""As whom running processes are in the database: a login that can only become one of the bound roles."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings

from orbit.launcher import embedded, running, state
from tests.conftest import Tenant
from tests.gateway import Gateway
from tests.launcher.conftest import eventually

SESSIONS = """SELECT DISTINCT usename FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""
# What the login may become, and whether that or the login itself gets round row-level security.
MAY_BECOME = """SELECT r.rolname, r.rolsuper OR r.rolbypassrls OR r.rolcanlogin FROM pg_auth_members m
JOIN pg_roles r ON r.oid = m.roleid WHERE m.member = 'orbit_login'::regrole AND m.set_option"""
OF_ITSELF = "SELECT rolsuper OR rolbypassrls OR rolinherit OR rolcreaterole FROM pg_roles WHERE rolname = 'orbit_login'"
OWNED = "SELECT count(*) FROM pg_class WHERE relowner = 'orbit_login'::regrole"


def assert_bound(owner_url: str) -> None:
    """Of all sessions of the database but this one."""
    with psycopg.connect(owner_url, autocommit=True) as owner:

        def asked(query: str) -> list[Any]:
            return owner.execute(query.encode()).fetchall()

        # a session that another test closed may still be on its way out
        eventually(lambda: asked(SESSIONS) == [("orbit_login",)])
        assert sorted(asked(MAY_BECOME)) == [
            ("orbit_app", False),
            ("orbit_ledger", False),
            ("orbit_operator", False),
        ]
        assert asked(OF_ITSELF) == [(False,)]
        assert asked(OWNED) == [(0,)]


def test_a_running_worker_signs_in_as_the_login(gateway: Gateway, tenant: Tenant) -> None:
    request = urllib.request.Request(
        f"{gateway.base_url}/models", headers={"Authorization": f"Bearer {tenant.key}"}
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    assert_bound(settings.DATABASE_OWNER_URL)


@contextmanager
def made_to_run(directory: Path) -> Iterator[str]:
    """`make run` without the set-up of the virtual environment; gives the address."""
    web, provider = embedded.free_ports(2)
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ORBIT_", "DATABASE_", "REDIS_"))
    }
    environ |= {
        "DJANGO_SETTINGS_MODULE": "orbit.settings.dev",
        "ORBIT_DATA_DIR": str(directory),
        "ORBIT_DEMO_PROVIDER_PORT": str(provider),
    }
    argv = [sys.executable, "manage.py", "up", "--demo", "--workers", "1", "--bind", f"127.0.0.1:{web}"]
    with open(directory / "up.log", "wb") as log:
        process = subprocess.Popen(argv, cwd=state.PROJECT, env=environ, stdout=log, stderr=log)
        try:
            yield f"http://127.0.0.1:{web}"
        finally:
            process.terminate()
            process.wait(60)


@pytest.mark.full
def test_all_that_make_run_starts_signs_in_as_the_login(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with made_to_run(directory) as url:
        eventually(lambda: _ready(url), within_s=120)
        for name in ("DATABASE_URL", "REDIS_URL"):
            monkeypatch.delenv(name)
        assert_bound(running.environment(directory)["DATABASE_OWNER_URL"])


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
