"""`manage.py secrets`: whether a credential can be read, and sealing all of them anew after a new master key."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import CommandError

from tenants import second_factors
from tenants.export import organization_id, organization_ids
from tenants.management.cli import BAD_INPUT, UNREACHABLE, OperatorCommand
from tenants.secrets import CredentialUnavailable
from tenants.services import rewrap_credentials, try_credential


class Command(OperatorCommand):
    help = "Tests a provider account's credential, or seals all credentials under the newest master key."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        test = actions.add_parser("test", help="reads it from where it is kept; shows nothing of it")
        test.add_argument("organization", metavar="ORG")
        test.add_argument("account", metavar="ACCOUNT")
        actions.add_parser("rewrap", help="after a new key was put first in ORBIT_MASTER_KEY")

    def handle(self, **options: Any) -> None:
        if options["action"] == "test":
            self._test(options["organization"], options["account"])
        else:
            self._rewrap()

    def _test(self, slug: str, name: str) -> None:
        place = organization_id(slug, "ORG")
        try:
            where = try_credential(organization_id=place, name=name)
        except CredentialUnavailable as error:
            raise CommandError(f"{slug}/{name}: {error.reason}", returncode=UNREACHABLE) from None
        self.stdout.write(f"{slug}/{name} has its credential: {where}")

    def _rewrap(self) -> None:
        count, damaged = 0, []
        for slug, place in organization_ids([]).items():
            done = rewrap_credentials(organization_id=place, actor="manage.py secrets")
            count += done.count
            damaged += [f"{slug}/{name}" for name in done.damaged]
        factors, lost = second_factors.rewrap()
        damaged += [f"second factor of {email}" for email in lost]
        self.stdout.write(f"{count} credentials were sealed under the newest master key.")
        self.stdout.write(f"{factors} second factors were.")
        if damaged:
            raise CommandError(
                f"These do not open, with none of the keys in ORBIT_MASTER_KEY: {', '.join(damaged)}",
                returncode=BAD_INPUT,
            )
