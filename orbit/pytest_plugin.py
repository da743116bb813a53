"""`pytest -p orbit.pytest_plugin`: real servers for the suite, before Django reads its settings.

One throwaway Postgres and Valkey serve the whole session. The controller migrates a template
database once; each xdist worker gets a copy of it, a Redis database number and a data folder of its own.
With DATABASE_URL and REDIS_URL given (a superuser's, as in CI's service containers) the same
is done there, in databases of our own that are dropped afterwards.
"""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis
from psycopg import sql

from orbit.launcher import embedded, state
from orbit.launcher.chromium import find_chromium, how_to_get_one

# Set by the controller, inherited by its workers. No setting: nothing outside this file reads it.
_ADMIN_URL = "ORBIT_TEST_ADMIN_URL"
_STORE_URL = "ORBIT_TEST_STORE_URL"
_RUN = "ORBIT_TEST_RUN"
_LOGIN_PASSWORD = "ORBIT_TEST_LOGIN_PASSWORD"

_MAX_WORKERS = 8


@dataclass
class _Session:
    cleanup: ExitStack = field(default_factory=ExitStack)
    skipped: list[str] = field(default_factory=list)
    servers: str = ""


_session = pytest.StashKey[_Session]()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    session = early_config.stash.setdefault(_session, _Session())
    try:
        if not _is_worker():
            _start_servers(session)
            _make_template()
        _use_own_copy(session)
    except BaseException:  # pytest does not unconfigure what it has not configured
        session.cleanup.close()
        raise
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: needs a Chromium")


@pytest.hookimpl(tryfirst=True)  # before xdist's own answer
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    # one more than there are cores: much of a test is waiting for a server
    return min((os.cpu_count() or 2) + 1, _MAX_WORKERS)


def pytest_report_header(config: pytest.Config) -> str:
    return config.stash[_session].servers


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_session].cleanup.close()


# Servers and databases


def _is_worker() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ


def _start_servers(session: _Session) -> None:
    for name in [name for name in os.environ if name.startswith("ORBIT_")]:
        del os.environ[name]  # what a shell has for its own installation is not for the suite
    # As root the servers run as another user, who may not reach a private TMPDIR.
    parent = "/var/tmp" if state.is_root() else None  # noqa: S108 - mkdtemp's folder is ours alone
    directory = Path(tempfile.mkdtemp(prefix="orbit-test-", dir=parent))
    session.cleanup.callback(shutil.rmtree, directory, ignore_errors=True)
    state.make_data_dir(directory)
    running = session.cleanup.enter_context(embedded.running(directory, os.environ, durable=False))
    session.servers = "servers: " + (
        " and ".join(running.pids) + ", embedded" if running.pids else "given ones"
    )
    admin = running.environment.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"]
    os.environ.update(
        {
            _ADMIN_URL: admin,
            _STORE_URL: running.environment.get("REDIS_URL") or os.environ["REDIS_URL"],
            _RUN: secrets.token_hex(4),
            _LOGIN_PASSWORD: secrets.token_urlsafe(24),
            "ORBIT_DATA_DIR": str(directory),
            "ORBIT_SECRET_KEY": secrets.token_urlsafe(32),
            "ORBIT_KEY_PEPPER": base64.b64encode(secrets.token_bytes(32)).decode(),
            "ORBIT_MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
            "DJANGO_SETTINGS_MODULE": "orbit.settings.test",
        }
    )
    session.cleanup.callback(_drop_databases)


def _make_template() -> None:
    with _admin() as connection:
        _make_login(connection)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_database("template"))))
    _point_at("template", store=0)
    for command in ("migrate", "ensure_roles"):
        _manage(command)


def _make_login(connection: psycopg.Connection) -> None:
    """The role that the suite signs in with: given servers have none, embedded ones have a password of their own."""
    verb = (
        "ALTER"
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'orbit_login'").fetchone()
        else "CREATE"
    )
    statement = sql.SQL(verb + " ROLE orbit_login LOGIN NOINHERIT NOSUPERUSER PASSWORD {}")
    connection.execute(statement.format(sql.Literal(os.environ[_LOGIN_PASSWORD])))


def _manage(command: str) -> None:
    argv = [sys.executable, str(state.PROJECT / "manage.py"), command, "--verbosity", "0"]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=state.PROJECT)
    if done.returncode:
        raise pytest.UsageError(
            f"`manage.py {command}` failed on the suite's database:\n{done.stdout}{done.stderr}"
        )


def _use_own_copy(session: _Session) -> None:
    name = os.environ.get("PYTEST_XDIST_WORKER", "main")
    number = int(name.removeprefix("gw")) + 1 if _is_worker() else 0
    copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    with _admin() as connection:
        connection.execute(
            copy.format(sql.Identifier(_database(name)), sql.Identifier(_database("template")))
        )
    _point_at(name, store=number)
    own = state.make_data_dir(Path(os.environ["ORBIT_DATA_DIR"]) / name)
    os.environ["ORBIT_DATA_DIR"] = str(own)  # workers' journals belong to one database
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as store:
        if store.dbsize():
            raise pytest.UsageError(
                f"The Redis database {number} of REDIS_URL is not empty. The suite wants empty ones."
            )
    session.cleanup.callback(_flush, os.environ["REDIS_URL"])


def _point_at(name: str, *, store: int) -> None:
    database = _database(name)
    owner = urlsplit(os.environ[_ADMIN_URL])
    login = f"orbit_login:{os.environ[_LOGIN_PASSWORD]}@{owner.netloc.rpartition('@')[2]}"
    os.environ["DATABASE_OWNER_URL"] = urlunsplit(owner._replace(path=f"/{database}"))
    os.environ["DATABASE_URL"] = urlunsplit(owner._replace(netloc=login, path=f"/{database}"))
    os.environ["REDIS_URL"] = urlunsplit(urlsplit(os.environ[_STORE_URL])._replace(path=f"/{store}"))


def _database(name: str) -> str:
    return f"orbit_{os.environ[_RUN]}_{name}"


def _admin() -> psycopg.Connection:
    return psycopg.connect(os.environ[_ADMIN_URL], autocommit=True)


def _drop_databases() -> None:
    with _admin() as connection:
        mine = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [_database("%")])
        for (name,) in mine.fetchall():
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _flush(url: str) -> None:
    with redis.Redis.from_url(url) as store:
        store.flushdb()


# Skips


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """The browser to drive; the test is skipped when there is none."""
    found = find_chromium()
    if found is None:
        pytest.skip("no Chromium")
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if find_chromium() is None:
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason="no Chromium"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        item.config.stash[_session].skipped.append(report.nodeid)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped:
        collector.config.stash[_session].skipped.append(report.nodeid)
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker hands its skips to the controller."""
    output = getattr(node, "workeroutput", {})
    node.config.stash[_session].skipped.extend(output.get("orbit_skipped", []))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    skipped = session.config.stash[_session].skipped
    if _is_worker():
        session.config.workeroutput["orbit_skipped"] = skipped  # type: ignore[attr-defined]
    elif skipped and _in_ci() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    skipped = sorted(set(config.stash[_session].skipped))
    if skipped and find_chromium() is None:
        terminalreporter.write_line(f"Browser tests were skipped: no Chromium was found. {how_to_get_one()}")
    if skipped and _in_ci():
        terminalreporter.write_sep("=", "skipped tests fail in CI", red=True)
        for name in skipped:
            terminalreporter.write_line(f"SKIPPED {name}")


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() in {"1", "true"}
