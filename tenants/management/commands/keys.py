"""`manage.py keys`: what operators do with issued keys. See docs/keys.md."""

from __future__ import annotations

import argparse
import re
from datetime import datetime, timedelta
from json import dumps
from typing import Any
from uuid import UUID

from orbit.lib import access
from orbit.lib.errors import InputError
from tenants.export import organization_ids
from tenants.key_list import Selection, list_keys
from tenants.management.cli import OperatorCommand
from tenants.models import ApiKey
from tenants.rotation import USUAL_OVERLAP
from tenants.schema import values
from tenants.services import rotate_key

_ACTOR = "manage.py keys"
_SPAN = re.compile(r"(\d{1,6})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_HEAD = ("key", "hint", "state", "created by", "last used", "from", "ends")


class Command(OperatorCommand):
    help = "Lists issued keys and renews their secrets."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="keys that are not revoked, with their last use")
        _add_selection(listing)
        listing.add_argument("--due", action="store_true", help="only those that are to be rotated")
        listing.add_argument("--json", action="store_true", help="one JSON object on standard output")
        rotation = actions.add_parser("rotate", help="a new secret; the old one works on for a while")
        rotation.add_argument("key", metavar="ORG/PROJECT/NAME")
        rotation.add_argument(
            "--overlap", metavar="SPAN", help="such as 30m, 12h or 7d; 0: the old one ends now; default: 24h"
        )
        rotation.add_argument("--json", action="store_true", help="one JSON object on standard output")

    def handle(self, *, action: str, **options: Any) -> None:
        getattr(self, f"_{action}")(**options)

    def _list(self, *, organization: str, json: bool, **options: Any) -> None:
        found = list_keys(_organization(organization), _selection(options))
        self._write(organization, found, as_json=json)

    def _rotate(self, *, key: str, overlap: str | None, json: bool, **_: Any) -> None:
        found = _key(key)
        span = USUAL_OVERLAP if overlap is None else _span(overlap)
        rotated = rotate_key(
            organization_id=found.organization_id, key_id=found.pk, overlap=span, actor=_ACTOR
        )
        if json:
            self.stdout.write(dumps({"key": key, **rotated.as_dict()}))
        else:
            self.stdout.write(f"The new secret of {key}. It is shown this once:\n  {rotated.secret}")
            self.stdout.write(f"The old one ({rotated.old_hint}) works until {_minute(rotated.works_until)}.")

    def _write(self, organization: str, found: list[dict[str, Any]], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(dumps({"organization": organization, "keys": found}))
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
        due=options.get("due", False),
    )


def _organization(slug: str) -> UUID:
    found = organization_ids([slug])
    if slug not in found:
        raise InputError("--organization", f"there is no organization {slug!r}")
    return found[slug]


def _key(path: str) -> ApiKey:
    """A key that is not revoked."""
    parts = path.split("/")
    if len(parts) != 3:
        raise InputError("key", f"{path!r} is no key", "write ORGANIZATION/PROJECT/NAME")
    with access.operator():
        key = ApiKey.objects.filter(
            organization__slug=parts[0], project__slug=parts[1], name=parts[2], revoked_at=None
        ).first()
    if key is None:
        raise InputError("key", f"there is no key {path!r}, or it was revoked")
    return key


def _span(text: str) -> timedelta:
    if text == "0":
        return timedelta()
    found = _SPAN.fullmatch(text)
    if found is None:
        raise InputError("--overlap", f"{text!r} is no span of time", "such as 30m, 12h or 7d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


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
            _minute(one["refused_from"]),
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
