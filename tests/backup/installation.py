"""Installations of a test's own on the suite's servers: a database, a number of the store, a folder, secrets."""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis
from psycopg import sql

from orbit.launcher.state import PROJECT


@dataclass(frozen=True)
class Installation:
    environment: dict[str, str]
    folder: Path

    def run(self, *argv: str, code: int = 0) -> str:
        """`manage.py` with these arguments; what it said. It must end with `code`."""
        environment = {**os.environ, **self.environment}
        done = subprocess.run(
            [sys.executable, "manage.py", *argv], cwd=PROJECT, env=environment, capture_output=True, text=True
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def write_ledger(self) -> None:
        """All that waits, and a checkpoint over it."""
        code = "from audit.tasks import write_ledger; from audit.checkpoints import signer; write_ledger(); signer.sign()"
        self.run("shell", "--no-imports", "-c", code)

    def apply(self, document: dict[str, object]) -> str:
        """The first key that applying the document issued."""
        path = self.folder / "organization.json"
        path.write_text(json.dumps(document))
        key: str = json.loads(self.run("apply", "--file", str(path), "--json").splitlines()[0])["keys"][0][
            "secret"
        ]
        return key

    def one(self, query: str) -> object:
        with psycopg.connect(self.environment["DATABASE_OWNER_URL"]) as connection:
            row = connection.execute(query.encode()).fetchone()
            return row[0] if row else None


@contextmanager
def installation(
    folder: Path, *, number: int, schema: bool, like: Installation | None = None
) -> Iterator[Installation]:
    """`number` is the store's; secrets are those of `like`, else its own."""
    folder.mkdir()
    name = f"orbit_{os.environ['ORBIT_TEST_RUN']}_backup_{secrets.token_hex(4)}"
    template = f"orbit_{os.environ['ORBIT_TEST_RUN']}_template" if schema else "template0"
    with psycopg.connect(os.environ["ORBIT_TEST_ADMIN_URL"], autocommit=True) as admin:
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        admin.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
    keys = ("ORBIT_SECRET_KEY", "ORBIT_KEY_PEPPER", "ORBIT_MASTER_KEY")
    environment = {
        "DATABASE_URL": _at(os.environ["DATABASE_URL"], name),
        "DATABASE_OWNER_URL": _at(os.environ["DATABASE_OWNER_URL"], name),
        "REDIS_URL": _at(os.environ["REDIS_URL"], str(number)),
        "ORBIT_DATA_DIR": str(folder / "data"),
        **{key: like.environment[key] if like else _secret() for key in keys},
    }
    (folder / "data").mkdir()
    try:
        yield Installation(environment, folder)
    finally:
        with redis.Redis.from_url(environment["REDIS_URL"]) as store:
            store.flushdb()
        with psycopg.connect(os.environ["ORBIT_TEST_ADMIN_URL"], autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _at(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))


def _secret() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()
