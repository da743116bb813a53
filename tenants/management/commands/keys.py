"""`manage.py keys`: what operators do with issued keys. See docs/keys.md."""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from typing import Any
from uuid import UUID

from orbit.lib.errors import InputError
from tenants.export import organization_ids
from tenants.key_list import Selection, list_keys
from tenants.management.cli import OperatorCommand
from tenants.schema import values

_HEAD = ("key", "hint", "state", "created by", "last used", "from", "expires")


class Command(OperatorCommand):
    help = "Lists issued keys."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="keys that are not revoked, with their last use")
        _add_selection(listing)
        listing.add_argument("--json", action="store_true", help="one JSON object on standard output")

    def handle(self, *, action: str, **options: Any) -> None:
        getattr(self, f"_{action}")(**options)

    def _list(self, *, organization: str, json: bool, **options: Any) -> None:
        found = list_keys(_organization(organization), _selection(options))
        self._write(organization, found, as_json=json)

    def _write(self, organization: str, found: list[dict[str, Any]], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({"organization": organization, "keys": found}))
        else:
            self.stdout.write(_table(found) if found else "No key.")


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--organization", required=True, metavar="SLUG")
    parser.add_argument("--project", metavar="SLUG")
    parser.add_argument("--created-by", metavar="WHO", help="as the list shows it")
    parser.add_argument("--name", metavar="PATTERN", help="* stands for any text")
    parser.add_argument("--unused-since", metavar="TIME", help="such as 2027-01-31 or 2027-01-31T12:00:00Z")


def _selection(options: dict[str, Any]) -> Selection:
    return Selection(
        project=options["project"],
        created_by=options["created_by"],
        name=options["name"],
        unused_since=_moment("--unused-since", options["unused_since"]),
    )


def _organization(slug: str) -> UUID:
    found = organization_ids([slug])
    if slug not in found:
        raise InputError("--organization", f"there is no organization {slug!r}")
    return found[slug]


def _moment(option: str, text: str | None) -> datetime | None:
    try:
        return values.moment(text) if text else None
    except InputError as error:
        raise InputError(option, error.message, error.suggestion) from None


def _table(found: list[dict[str, Any]]) -> str:
    rows = [
        (
            f"{one['project']}/{one['name']}",
            one["hint"],
            one["state"],
            one["created_by"],
            _minute(one["last_used_at"]) or "never",
            one["last_address"] or "",
            _minute(one["expires_at"]),
        )
        for one in found
    ]
    widths = [max(len(row[index]) for row in [_HEAD, *rows]) for index in range(len(_HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [_HEAD, *rows]
    )


def _minute(at: str | None) -> str:
    return f"{at[:10]} {at[11:16]} UTC" if at else ""
