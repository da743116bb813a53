from __future__ import annotations

import argparse
from typing import Any

import yaml

from orbit.lib import access
from orbit.lib.errors import InputError
from tenants.export import organization_ids
from tenants.management.cli import OperatorCommand
from tenants.models import Organization
from tenants.services import named_policy, set_ceiling


class Command(OperatorCommand):
    help = "Shows or sets the operator's policy over organizations (ORBIT_CEILING is for new ones)."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("organizations", nargs="+", metavar="SLUG")
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--policy", metavar="ORGANIZATION/NAME", help="copy what this policy says at present"
        )
        what.add_argument("--none", action="store_true", help="take the ceiling away")

    def handle(self, *, organizations: list[str], policy: str | None, none: bool, **_: Any) -> None:
        ids = organization_ids(organizations)
        for slug in organizations:
            if slug not in ids:
                raise InputError("SLUG", f"there is no organization {slug!r}")
        document = named_policy(policy) if policy else None
        for slug in organizations:
            if document is None and not none:
                self._show(slug)
                continue
            done = set_ceiling(organization_id=ids[slug], document=document, actor="manage.py ceiling")
            word = "no ceiling" if none else f"the ceiling {policy}"
            self.stdout.write(f"{slug} has {word}{'' if done else ' already'}.")

    def _show(self, slug: str) -> None:
        with access.operator():
            ceiling = Organization.objects.values_list("ceiling", flat=True).get(slug=slug)
        self.stdout.write(f"# {slug}\n{yaml.safe_dump(ceiling, sort_keys=False)}", ending="")
