from __future__ import annotations

import argparse
import json
from typing import Any

import yaml

from orbit.lib.errors import InputError
from tenants.export import export, organization_ids
from tenants.management.cli import OperatorCommand


class Command(OperatorCommand):
    help = "Writes organizations as `manage.py apply` reads them, without secrets."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--organization",
            action="append",
            default=[],
            metavar="SLUG",
            help="may be given again; default: all",
        )
        parser.add_argument("--format", choices=("yaml", "json"), default="yaml")

    def handle(self, *, organization: list[str], **options: Any) -> None:
        ids = organization_ids(organization)
        for slug in organization:
            if slug not in ids:
                raise InputError("--organization", f"there is no organization {slug!r}")
        document = export(list(ids.values()))
        if options["format"] == "json":
            self.stdout.write(json.dumps(document, indent=2))
        else:
            self.stdout.write(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), ending="")
