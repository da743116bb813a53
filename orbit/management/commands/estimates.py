"""`manage.py estimates`: how much more than we a provider counts, where that was measured."""

from __future__ import annotations

import argparse
import json
from typing import Any

from orbit.lib import access
from orbit.lib.clock import rfc3339
from quotas.calibration import in_force, set_padding
from quotas.models import TokenPadding
from tenants.management.cli import OperatorCommand


class Command(OperatorCommand):
    help = "Set and list the measured paddings of input estimates."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        setting = actions.add_parser("set", help="from now on, for models whose plain name begins so")
        setting.add_argument("--provider", required=True, metavar="NAME", help="an account's prices_as")
        setting.add_argument("--model", required=True, metavar="PREFIX")
        setting.add_argument(
            "--factor", required=True, metavar="NUMBER", help="provider's tokens for each of ours"
        )
        setting.add_argument("--source", required=True, metavar="TEXT", help="where the figure comes from")
        listing = actions.add_parser("list", help="those in force")
        listing.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, **options: Any) -> None:
        if options["action"] == "list":
            self._list(as_json=options["json"])
            return
        done = set_padding(options["provider"], options["model"], options["factor"], options["source"])
        name = f"{options['provider']}/{options['model']}"
        became = (
            f"{name}: {done.before or 'unset'} -> {done.factor}"
            if done.changed
            else f"{name} is {done.factor}"
        )
        self.stdout.write(f"{became}; {done.organizations} organizations reload")

    def _list(self, *, as_json: bool) -> None:
        with access.operator():
            rows = [_shown(row) for row in in_force()]
        if as_json:
            self.stdout.write(json.dumps({"paddings": rows}, ensure_ascii=False))
            return
        table = [("provider", "model", "factor", "since", "source"), *(tuple(row.values()) for row in rows)]
        widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
        for row in table:
            self.stdout.write(
                "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            )


def _shown(row: TokenPadding) -> dict[str, str]:
    return {
        "provider": row.provider,
        "model": row.model_prefix,
        "factor": str(row.factor),
        "since": rfc3339(row.valid_from),
        "source": row.source,
    }
