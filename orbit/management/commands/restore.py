"""`manage.py restore`: an installation from a backup, proven before it takes the place of what was there."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connections
from redis.exceptions import RedisError

from orbit.backup import keyring, manifest, proof, restoring
from orbit.backup.failures import CannotBackUp
from orbit.backup.restoring import Options, Restored, Target
from orbit.launcher import keys, running
from orbit.lib.store import servers
from orbit.management.installation import given_secrets, secrets_of, with_servers
from tenants.management.cli import BAD_INPUT, UNREACHABLE, OperatorCommand

FAULT = 1


class Command(OperatorCommand):
    help = (
        "Restore a backup into a stopped, empty installation. Exit code 1: the restored ledger does not hold."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--from", required=True, type=Path, metavar="PATH", dest="source")
        key = parser.add_mutually_exclusive_group()
        key.add_argument("--keys", type=Path, metavar="FILE", help="the keys' file that the backup wrote")
        key.add_argument("--without-keys", action="store_true", help="go on without keys that nobody has")
        parser.add_argument("--replace", action="store_true", help="an installation that is not empty")

    def execute(self, *args: Any, **options: Any) -> str | None:
        if running.environment(settings.ORBIT_DATA_DIR):
            raise CommandError("An installation is running from here. Stop it first.", returncode=BAD_INPUT)
        if settings.DATABASE_URL:
            return super().execute(*args, **options)
        self._stopped(options)
        return None

    def _stopped(self, options: dict[str, Any]) -> None:
        directory = settings.ORBIT_DATA_DIR
        argv = ["restore", "--from", str(options["source"].absolute())]
        argv += ["--keys", str(options["keys"].absolute())] if options["keys"] else []
        argv += [f"--{name}" for name in ("replace", "without-keys") if options[name.replace("-", "_")]]
        was_kept = keys.are_kept(directory)
        try:
            given = keyring.read(options["keys"]) if options["keys"] else {}
        except CannotBackUp as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from None
        if code := with_servers(directory, argv, secrets_of(directory) or _unset(given)):
            raise CommandError("The restore did not come to a good end.", returncode=code)
        # A demo finds its keys beside its data; others are started with them in the environment.
        if given.keys() >= set(keys.NAMES) and (was_kept or not given_secrets()):
            keys.keep(directory, given)

    def handle(self, **options: Any) -> None:
        try:
            self._restore(options)
        except CannotBackUp as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from None
        except RedisError as error:
            raise CommandError(
                f"The counting store is not reachable ({type(error).__name__}). Nothing was restored.",
                returncode=UNREACHABLE,
            ) from None

    def _restore(self, options: dict[str, Any]) -> None:
        for server in servers():
            server.ping()
        target = _target()
        chosen = Options(options["keys"], options["without_keys"], options["replace"])
        connections.close_all()
        with restoring.restored(options["source"].absolute(), target, chosen) as outcome:
            try:
                found = list(proof.faults(outcome.manifest))
                shards = proof.renew_counters(target.journals)
            finally:
                connections.close_all()  # or neither schema could be dropped
        self._tell(outcome, shards)
        for one in found:
            self.stdout.write(f"FAULT  {one}")
        if found:
            raise CommandError("Restored, and not everything is as it was signed.", returncode=FAULT)

    def _tell(self, outcome: Restored, shards: int) -> None:
        told = outcome.manifest
        self.stdout.write(
            f"Restored what was at {told.made_at}: {told.organizations} organizations, {told.events} events, "
            f"{told.checkpoint} checkpoints. Chains verified; counters of {shards} shards made from the ledger."
        )
        for name in outcome.lost:
            self.stdout.write(f"WITHOUT {name}: {keyring.LOST[name]}.")
        if outcome.from_file:
            self.stdout.write(f"Start it with {', '.join(outcome.from_file)} of the file of keys.")
        for path in outcome.moved:
            self.stdout.write(f"What was there before is in {path}.")
        if manifest.SINKS in told.files:
            self.stdout.write(
                f"The file of sinks is {settings.ORBIT_DATA_DIR / 'sinks.restored.yaml'}; nobody reads it there."
            )


def _unset(given: dict[str, str]) -> dict[str, str]:
    """Of the keys' file, what the environment does not say."""
    return {name: given[name] for name in keys.NAMES if name in given and name not in given_secrets()}


def _target() -> Target:
    return Target(
        owner_url=settings.DATABASE_OWNER_URL,
        secrets=given_secrets(),
        checkpoints=settings.ORBIT_CHECKPOINT_DIR,
        checkpoint_key=settings.ORBIT_CHECKPOINT_KEY,
        journals=settings.ORBIT_DATA_DIR / "journals",
    )
