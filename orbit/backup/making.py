"""A backup: one snapshot of the database, and the checkpoints' files as of that snapshot."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from orbit.backup import database, keyring, manifest, programs
from orbit.backup.failures import CannotBackUp
from orbit.backup.manifest import CHECKPOINTS, DATABASE, SINKS, Manifest

_CHECKPOINT_NAMES = "checkpoints-????-??.jsonl"


@dataclass(frozen=True)
class Source:
    """An installation, as its settings tell it."""

    owner_url: str
    secrets: dict[str, str]
    checkpoints: Path
    checkpoint_key: Path
    sinks: Path | None


def make(source: Source, target: Path, keys: Path | None) -> Manifest:
    """Writes the backup, and the secrets to `keys` unless that is None."""
    dump = programs.find(programs.DUMP)
    with manifest.made(target) as folder, psycopg.connect(source.owner_url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        server = database.major(connection)
        _refuse_what_is_not_seen(connection)
        if dump.major < server:
            raise CannotBackUp(
                f"The database is Postgres {server} and {dump.path} is of {dump.major}: install client programs of "
                f"Postgres {server} or newer."
            )
        snapshot = database.value(connection, "SELECT pg_export_snapshot()")
        facts = _facts(connection)
        arguments = ["--format=custom", "--no-owner", f"--snapshot={snapshot}", f"--file={folder / DATABASE}"]
        programs.run(dump, arguments, source.owner_url)
        _copy_files(source, folder, facts["checkpoint"])
        salt = secrets.token_bytes(16)
        written = Manifest(
            version=manifest.version(),
            server_major=server,
            salt=salt.hex(),
            fingerprints=keyring.fingerprints(source.secrets, salt),
            files=manifest.digests(folder),
            **facts,
        )
        written.write(folder)
        if keys is not None:
            key = source.checkpoint_key
            keyring.write(keys, source.secrets, key.read_bytes() if key.exists() else None)
    return written


def _facts(connection: psycopg.Connection) -> dict[str, Any]:
    """What a restore can be held against, of the snapshot."""
    heads = connection.execute("SELECT organization_id, seq, hash FROM audit_chainhead").fetchall()
    applied = connection.execute("SELECT app || '.' || name FROM django_migrations ORDER BY 1").fetchall()
    last = connection.execute(
        "SELECT number, body::jsonb ->> 'key' FROM audit_checkpoint ORDER BY number DESC LIMIT 1"
    ).fetchone()
    return {
        "made_at": database.value(
            connection, "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
        ),
        "migrations": [name for (name,) in applied],
        "heads": {str(pk): [seq, end] for pk, seq, end in heads},
        "organizations": database.value(connection, "SELECT count(*) FROM tenants_organization"),
        "events": database.value(connection, "SELECT count(*) FROM audit_event"),
        "functions": database.functions_of_roles(connection),
        "checkpoint": last[0] if last else 0,
        "checkpoint_key": last[1] if last else "",
    }


def _refuse_what_is_not_seen(connection: psycopg.Connection) -> None:
    """Tables that enforce row-level security hide their rows from their owner, too; pg_dump then stops half-way."""
    sees_all = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    if not database.value(connection, sees_all):
        name = database.value(connection, "SELECT current_user::text")
        grant = sql.SQL("ALTER ROLE {} BYPASSRLS").format(sql.Identifier(name)).as_string(connection)
        raise CannotBackUp(
            f"The role {name} of DATABASE_OWNER_URL does not see all rows. Let a superuser say `{grant}`, or give another role."
        )


def _copy_files(source: Source, folder: Path, last: int) -> None:
    (folder / CHECKPOINTS).mkdir(mode=0o700)
    left = last  # files are written before the database: what is newer than the snapshot stays out
    for path in sorted(source.checkpoints.glob(_CHECKPOINT_NAMES)):
        with path.open("rb") as lines, (folder / CHECKPOINTS / path.name).open("wb") as copy:
            for line in lines:
                if not left:
                    break
                copy.write(line)
                left -= 1
    if left:
        raise CannotBackUp(
            f"The database knows {last} checkpoints and {source.checkpoints} lacks {left} of them. Run `manage.py audit "
            "verify` here, where ORBIT_CHECKPOINT_DIR is the one that the task worker writes to."
        )
    if source.sinks is not None and source.sinks.exists():
        shutil.copyfile(source.sinks, folder / SINKS)
