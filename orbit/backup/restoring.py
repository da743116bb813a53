"""An installation from a backup: the database, the checkpoints' files, counters from the ledger, and proof that it holds."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from orbit.backup import database, keyring, manifest, programs
from orbit.backup.failures import CannotBackUp
from orbit.backup.manifest import CHECKPOINTS, DATABASE, SINKS, Manifest
from orbit.launcher import state
from quotas import journal


@dataclass(frozen=True)
class Target:
    """The installation that is to become what the backup says."""

    owner_url: str
    secrets: Mapping[str, str]  # those of this environment
    checkpoints: Path
    checkpoint_key: Path
    journals: Path


@dataclass(frozen=True)
class Options:
    keys: Path | None = None
    without_keys: bool = False
    replace: bool = False


@dataclass
class Restored:
    manifest: Manifest
    lost: list[str]  # secrets that nobody gave
    from_file: dict[str, str]  # secrets that the file has and the environment lacks
    moved: list[Path] = field(default_factory=list)  # what was there before


@contextmanager
def restored(source: Path, target: Target, options: Options) -> Iterator[Restored]:
    """Restores, and lets the block look at what came out. What was there before comes back should either fail.

    Counters are no part of it: the block makes them anew. CannotBackUp before anything was changed when it cannot be done.
    """
    with manifest.opened(source) as folder, psycopg.connect(target.owner_url, autocommit=True) as connection:
        told = manifest.read(folder)
        given = keyring.read(options.keys) if options.keys else {}
        outcome = Restored(told, _lost(told, target, given, options), _from_file(told, target, given))
        _refuse(connection, told, target, options)
        with database.fresh_schema(connection), _files(folder, target, given, outcome):
            program = programs.find(programs.RESTORE)
            arguments = ["--no-owner", "--exit-on-error", "--single-transaction"]
            name = psycopg.conninfo.conninfo_to_dict(target.owner_url).get("dbname", "")
            programs.run(program, [*arguments, f"--dbname={name}", str(folder / DATABASE)], target.owner_url)
            database.give_functions(connection, told.functions)
            _bring_up_to_date()
            yield outcome


def _lost(told: Manifest, target: Target, given: Mapping[str, str], options: Options) -> list[str]:
    lost = keyring.lacking(told, target.secrets, given)
    if told.checkpoint_key and keyring.SIGNING not in given and not target.checkpoint_key.exists():
        lost.append(keyring.SIGNING)
    if lost and not options.without_keys:
        words = "\n".join(f"  {name}: {keyring.LOST[name]}" for name in lost)
        raise CannotBackUp(
            f"These keys of the backup are neither in the environment nor in a file of keys:\n{words}\n"
            "Give the file that `manage.py backup` wrote (--keys FILE). Without it: --without-keys."
        )
    return lost


def _from_file(told: Manifest, target: Target, given: Mapping[str, str]) -> dict[str, str]:
    missing = keyring.lacking(told, target.secrets)
    return {name: given[name] for name in missing if name in given}


def _refuse(connection: psycopg.Connection, told: Manifest, target: Target, options: Options) -> None:
    server = database.major(connection)
    if server < told.server_major:
        raise CannotBackUp(
            f"The backup is of Postgres {told.server_major} and this server is {server}. Take a newer one."
        )
    unknown = set(told.migrations) - _known_migrations()
    if unknown:
        raise CannotBackUp(
            f"The backup is of a newer version of Orbit Gateway ({told.version}; this one lacks {min(unknown)}). Restore it "
            "with that version."
        )
    others = database.others(connection)
    workers = sum(one.alive for one in journal.standing(target.journals))
    if others or workers:
        raise CannotBackUp(
            f"{workers} web workers run here, and {others} other sessions use this database. Stop the gateway, its task "
            "worker, scheduler and sinks first."
        )
    files = sorted(target.checkpoints.glob("checkpoints-????-??.jsonl"))
    if not options.replace and (database.is_used(connection) or files):
        used = database.is_used(connection)
        what = "This installation is not empty" if used else f"{target.checkpoints} has checkpoints"
        raise CannotBackUp(f"{what}. --replace replaces it by the backup; take a backup of it before.")


@contextmanager
def _files(folder: Path, target: Target, given: Mapping[str, str], outcome: Restored) -> Iterator[None]:
    """Checkpoints and their key. What was there is put aside, and put back when the block fails."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    key = target.checkpoint_key
    before = [one for one in (target.checkpoints, target.journals) if one.exists() and any(one.iterdir())]
    if keyring.SIGNING in given and key.exists():
        before.append(key)
    aside = [(path, path.with_name(f"{path.name}.before-restore-{moment}")) for path in before]
    for path, kept in aside:
        path.rename(kept)
    outcome.moved = [kept for _, kept in aside]
    try:
        shutil.copytree(folder / CHECKPOINTS, target.checkpoints, dirs_exist_ok=True)
        target.checkpoints.chmod(0o700)
        if keyring.SIGNING in given:
            state.write_private(key, base64.b64decode(given[keyring.SIGNING]).decode())
        if (folder / SINKS).exists():
            shutil.copyfile(folder / SINKS, target.journals.with_name("sinks.restored.yaml"))
        yield
    except BaseException:
        shutil.rmtree(target.checkpoints, ignore_errors=True)
        if keyring.SIGNING in given:
            key.unlink(missing_ok=True)
        for path, kept in aside:
            kept.rename(path)
        raise


def _known_migrations() -> set[str]:
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(None, ignore_no_migrations=True)
    replaced = {f"{app}.{name}" for one in loader.disk_migrations.values() for app, name in one.replaces}
    return {f"{app}.{name}" for app, name in loader.disk_migrations} | replaced


def _bring_up_to_date() -> None:
    """As the schema's owner, in a process of its own: this one's connections have narrower roles."""
    argv = [sys.executable, "-m", "orbit.backup.schema"]
    environment = {**os.environ, "ORBIT_DB_ROLE": "owner"}
    done = subprocess.run(argv, cwd=state.PROJECT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise CannotBackUp(
            f"The restored database could not be brought up to date:\n{done.stderr.strip()[-800:]}"
        )
