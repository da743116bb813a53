"""`manage.py backup`: the ledger and everything that is configured, as one snapshot; the keys in a file apart."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from orbit.backup import making
from orbit.backup.failures import CannotBackUp
from orbit.backup.making import Source
from orbit.management.installation import given_secrets, secrets_of, with_servers
from tenants.management.cli import BAD_INPUT, UNREACHABLE, OperatorCommand


class Command(OperatorCommand):
    help = "Back up the ledger and all configuration; a running gateway goes on meanwhile."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--to", required=True, type=Path, metavar="PATH", help="a new folder, or a new file *.tar"
        )
        keys = parser.add_mutually_exclusive_group()
        keys.add_argument("--keys", type=Path, metavar="FILE", help="where the keys go; default: PATH.keys")
        keys.add_argument("--without-keys", action="store_true", help="they are kept elsewhere")

    def execute(self, *args: Any, **options: Any) -> str | None:
        if settings.DATABASE_URL:
            return super().execute(*args, **options)
        directory = settings.ORBIT_DATA_DIR
        if not (directory / "postgres").is_dir():
            raise CommandError(
                f"There is no installation here: DATABASE_URL is not set and {directory} holds no database.",
                returncode=UNREACHABLE,
            )
        argv = ["backup", "--to", str(options["to"].absolute())]
        argv += ["--keys", str(options["keys"].absolute())] if options["keys"] else []
        argv += ["--without-keys"] if options["without_keys"] else []
        if code := with_servers(directory, argv, secrets_of(directory)):
            raise CommandError("The backup was not made.", returncode=code)
        return None

    def handle(self, **options: Any) -> None:
        target: Path = options["to"].absolute()
        keys = None if options["without_keys"] else options["keys"] or target.with_name(f"{target.name}.keys")
        try:
            made = making.make(_source(), target, keys)
        except CannotBackUp as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from None
        self.stdout.write(
            f"{target}: {made.organizations} organizations, {made.events} events, {made.checkpoint} checkpoints."
        )
        if keys is not None:
            self.stdout.write(
                f"{keys}: the keys, without which contents and credentials stay closed. Keep it elsewhere."
            )


def _source() -> Source:
    sinks = settings.ORBIT_SINKS
    return Source(
        owner_url=settings.DATABASE_OWNER_URL,
        secrets=given_secrets(),
        checkpoints=settings.ORBIT_CHECKPOINT_DIR,
        checkpoint_key=settings.ORBIT_CHECKPOINT_KEY,
        sinks=Path(sinks) if sinks else None,
    )
