"""`manage.py audit`: proves that ledgers are as they were signed, and keeps the key that signs them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from audit import verification
from audit.checkpoints import keys, signer
from audit.checkpoints.files import Broken, Directory
from audit.checkpoints.narrow import narrow
from audit.standalone.verify_ledger import Unreadable, public_key, remarks
from orbit.lib import access
from orbit.lib.errors import InputError
from tenants.management.cli import OperatorCommand
from tenants.models import Organization

FAULT = 1


class Command(OperatorCommand):
    help = "Verify ledgers against their signed checkpoints; checkpoints and their key. Exit code 1: something does not hold."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        verify = actions.add_parser("verify", help="chains, checkpoints and signatures")
        verify.add_argument("--organization", metavar="SLUG", help="default: every one")
        verify.add_argument("--json", action="store_true")
        verify.add_argument("--checkpoints", type=Path, metavar="DIR", help="default: ORBIT_CHECKPOINT_DIR")
        verify.add_argument("--public-key", action="append", default=[], help="default: the installation's")
        verify.add_argument(
            "--seen", default="", metavar="NUMBER:HASH", help="a checkpoint of an earlier time"
        )
        public = actions.add_parser("public-key", help="what the checkpoints' signatures are verified with")
        public.add_argument("--pem", action="store_true", help="as openssl writes it")
        narrowed = actions.add_parser("checkpoints", help="for one organization's auditor, JSON lines")
        narrowed.add_argument("--organization", metavar="SLUG", required=True)
        actions.add_parser("sign", help="sign a checkpoint now")
        actions.add_parser("rotate-key", help="hand over to a new key")

    def handle(self, **options: Any) -> None:
        action = options["action"].replace("-", "_")
        try:
            getattr(self, f"_{action}")(options)
        except (Unreadable, Broken) as error:
            raise CommandError(str(error), returncode=FAULT) from None

    def _verify(self, options: dict[str, Any]) -> None:
        slug = options["organization"]
        path = options["checkpoints"]
        if path is not None and not path.is_dir():
            raise InputError("--checkpoints", f"{path} is no directory.")
        try:
            trusted = [public_key(text) for text in options["public_key"]]
        except Unreadable as error:
            raise InputError("--public-key", str(error)) from None
        with access.operator():
            outcome = verification.verify(
                _organizations(slug),
                everything=slug is None,
                directory=Directory(path) if path else None,
                public_keys=trusted,
                seen=options["seen"],
            )
        if options["json"]:
            self.stdout.write(json.dumps(outcome.as_json()))
        else:
            self._tell(outcome)
        if outcome.all_findings():
            raise CommandError("Not everything is as it was signed.", returncode=FAULT)

    def _tell(self, outcome: verification.Outcome) -> None:
        trail = outcome.trail
        self.stdout.write(f"{trail.checkpoints} checkpoints in {settings.ORBIT_CHECKPOINT_DIR}")
        for slug, chain in outcome.chains.items():
            self.stdout.write(
                f"{slug}: {chain.events} events, sequence {chain.first} to {chain.last}, signed up to {chain.signed_until}"
            )
            for note in list(remarks(trail, chain))[:-1]:
                self.stdout.write(f"  note   {note}")
        for finding in outcome.all_findings():
            self.stdout.write(f"FAULT  {finding.words}")
        self.stdout.write(f"The last checkpoint is {trail.number}:{trail.hash}")

    def _public_key(self, options: dict[str, Any]) -> None:
        public = keys.public_of(keys.load())
        self.stdout.write(keys.pem(public).strip() if options["pem"] else public)

    def _checkpoints(self, options: dict[str, Any]) -> None:
        with access.operator():
            (organization_id,) = _organizations(options["organization"])
        for line in narrow(Directory(), str(organization_id)):
            self.stdout.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")))

    def _sign(self, options: dict[str, Any]) -> None:
        made, _ = signer.sign()
        self.stdout.write(f"Signed checkpoint {made.number}." if made else "There is nothing new to sign.")

    def _rotate_key(self, options: dict[str, Any]) -> None:
        try:
            public = signer.rotate()
        except BlockingIOError as error:
            raise CommandError(f"{error} Try again.", returncode=FAULT) from None
        self.stdout.write(
            f"The next checkpoints are signed with {public}. The last one of the old key says so."
        )


def _organizations(slug: str | None) -> dict[Any, str]:
    rows = Organization.objects.order_by("slug")
    if slug is not None:
        rows = rows.filter(slug=slug)
        if not rows:
            raise InputError("--organization", f"there is no organization {slug!r}.")
    return dict(rows.values_list("pk", "slug"))
