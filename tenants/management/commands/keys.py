"""`manage.py keys`: what operators do with issued keys. See docs/keys.md."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from getpass import getpass
from json import dumps
from typing import Any
from uuid import UUID

from orbit.lib import access
from orbit.lib.errors import InputError
from tenants.export import organization_id
from tenants.key_list import Selection, listed_keys
from tenants.management.cli import OperatorCommand
from tenants.management.printing import write_object, write_table
from tenants.models import ApiKey
from tenants.rotation import USUAL_OVERLAP
from tenants.schema import values
from tenants.services import look_up_key, revoke_key, revoke_keys, rotate_key
from tenants.services.key_lookup import Owner

_ACTOR = "manage.py keys"
_SPAN = re.compile(r"(\d{1,6})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_HEAD = ("key", "hint", "state", "created by", "last used", "from", "ends")
_MOST = 1_000  # characters of a pasted key
_MOST_ROWS = 1_000_000_000


@dataclass
class Page:
    """The first of some keys as they come, how many there were, and `next`, the last of them where there are more."""

    found: Iterator[dict[str, Any]]
    limit: int | None = None
    count: int = 0
    next: str | None = None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        last = None
        for one in self.found:
            if self.count == self.limit:
                self.next = last
                return
            self.count, last = self.count + 1, f"{one['project']}/{one['name']}"
            yield one


class Command(OperatorCommand):
    help = "Lists, rotates and revokes issued keys, and finds out whose a key is."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="keys that are not revoked, with their last use")
        listing.add_argument("--due", action="store_true", help="only those that are to be rotated")
        listing.add_argument("--organization", required=True, metavar="SLUG")
        _add_selection(listing)
        listing.add_argument("--limit", type=_count, metavar="N", help="no more than so many")
        listing.add_argument(
            "--after", metavar="PROJECT/NAME", help="those that follow it, such as `next` of the list before"
        )
        rotation = actions.add_parser("rotate", help="a new secret; the old one works on for a while")
        rotation.add_argument("key", metavar="ORG/PROJECT/NAME")
        rotation.add_argument(
            "--overlap", metavar="SPAN", help="such as 30m, 12h or 7d; 0: the old one ends now; default: 24h"
        )
        revocation = actions.add_parser("revoke", help="ends one key, or all that are selected")
        revocation.add_argument("key", nargs="?", metavar="ORG/PROJECT/NAME")
        revocation.add_argument(
            "--organization", metavar="SLUG", help="instead of a key: those selected of it"
        )
        _add_selection(revocation)
        revocation.add_argument("--yes", action="store_true", help="do it; else they are only listed")
        look_up = actions.add_parser("lookup", help="whose a key is, which is read from standard input")
        look_up.add_argument("--revoke", action="store_true", help="and end it")
        for one in (revocation, look_up):
            one.add_argument("--reason", default="", metavar="TEXT", help="for the ledger")
        for one in (listing, rotation, revocation, look_up):
            one.add_argument("--json", action="store_true", help="one JSON object on standard output")

    def handle(self, *, action: str, **options: Any) -> None:
        getattr(self, f"_{action}")(**options)

    def _list(
        self, *, organization: str, json: bool, after: str | None, limit: int | None, **options: Any
    ) -> None:
        wanted = None if limit is None else limit + 1  # one more tells whether there are more
        found = listed_keys(_organization(organization), _selection(options), after=after, limit=wanted)
        with found as keys:
            page = Page(keys, limit)
            if json:
                write_object(
                    self.stdout, {"organization": organization}, "keys", page, lambda: {"next": page.next}
                )
                return
            self._write_table(page)
        if page.next:
            self.stdout.write(f"There are more: --after {page.next}")

    def _write_table(self, page: Page) -> None:
        write_table(self.stdout, _HEAD, (row for one in page for row in _rows(one)))
        if not page.count:
            self.stdout.write("No key.")

    def _rotate(self, *, key: str, overlap: str | None, json: bool, **_: Any) -> None:
        found = _key(key)
        span = USUAL_OVERLAP if overlap is None else _span(overlap)
        rotated = rotate_key(
            organization_id=found.organization_id, key_id=found.pk, overlap=span, actor=_ACTOR
        )
        if json:
            self.stdout.write(dumps({"key": key, **rotated.as_dict()}))
            return
        self.stdout.write(f"The new secret of {key}. It is shown this once:\n  {rotated.secret}")
        self.stdout.write(f"The old one ({rotated.old_hint}) works until {_minute(rotated.works_until)}.")

    def _revoke(self, *, key: str | None, organization: str | None, **options: Any) -> None:
        if (key is None) == (organization is None):
            raise InputError("revoke", "takes either ORG/PROJECT/NAME or --organization with a selection")
        if key is not None:
            self._revoke_one(key, **options)
        else:
            self._revoke_selected(str(organization), **options)

    def _revoke_one(self, key: str, *, reason: str, json: bool, **options: Any) -> None:
        if any(options[name] is not None for name in ("project", "created_by", "name", "unused_since")):
            raise InputError("revoke", "takes a selection with --organization only")
        found = _key(key)
        revoke_key(organization_id=found.organization_id, key_id=found.pk, actor=_ACTOR, reason=reason)
        self.stdout.write(dumps({"revoked": [key]}) if json else f"{key} is revoked.")

    def _revoke_selected(
        self, organization: str, *, yes: bool, reason: str, json: bool, **options: Any
    ) -> None:
        organization_id, selection = _organization(organization), _selection(options)
        if not yes:
            with listed_keys(organization_id, selection) as keys:
                self._preview(organization, Page(keys), json=json)
            return
        revoked = revoke_keys(
            organization_id=organization_id, selection=selection, actor=_ACTOR, reason=reason
        )
        paths = [f"{organization}/{key.project.slug}/{key.name}" for key in revoked]
        self.stdout.write(
            dumps({"revoked": paths}) if json else "\n".join([*paths, f"{len(paths)} keys revoked."])
        )

    def _preview(self, organization: str, page: Page, *, json: bool) -> None:
        if json:
            selected = (_path(organization, one) for one in page)
            write_object(self.stdout, {"revoked": []}, "selected", selected)
            return
        self._write_table(page)
        if page.count:
            self.stdout.write(f"Nothing was revoked. --yes revokes these {page.count}.")

    def _lookup(self, *, revoke: bool, reason: str, json: bool, **_: Any) -> None:
        owner = look_up_key(_pasted(), actor=_ACTOR, end=revoke, reason=reason)
        if owner is None:
            raise InputError("key", "no key of this installation, today's or former, has this text")
        self.stdout.write(dumps(owner.as_dict()) if json else _words(owner))


def _add_selection(parser: argparse.ArgumentParser) -> None:
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
    return organization_id(slug, "--organization")


def _key(path: str) -> ApiKey:
    """A key that is not revoked."""
    parts = path.split("/")
    if len(parts) != 3:
        raise InputError("key", "must be ORGANIZATION/PROJECT/NAME")  # not repeated: it may be a secret
    with access.operator():
        key = ApiKey.objects.filter(
            organization__slug=parts[0], project__slug=parts[1], name=parts[2], revoked_at=None
        ).first()
    if key is None:
        raise InputError("key", f"there is no key {path!r}, or it was revoked")
    return key


def _pasted() -> str:
    """Never an argument: those end in the shell's history and in lists of processes."""
    return getpass("Key (not shown): ") if sys.stdin.isatty() else sys.stdin.read(_MOST)


def _count(text: str) -> int:
    if not (text.isdigit() and 0 < int(text) < _MOST_ROWS):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


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


def _words(owner: Owner) -> str:
    key, now = owner.key, "works" if owner.works else "does not work any more"
    if owner.ended:
        now = "worked until now"
    lines = [
        f"{owner.hint} {now}. It is {'a former' if owner.replaced else 'the'} secret of {owner.path}.",
        f"  issued by {key['created_by'] or 'somebody unknown'}, {_minute(key['created_at'])}",
        f"  last used {_minute(key['last_used_at']) or 'never'} {key['last_address'] or ''}".rstrip(),
        f"  the key is {key['state']}",
    ]
    if owner.works and not owner.ended:
        lines.append("--revoke ends it.")
    return "\n".join(lines)


def _path(organization: str, one: dict[str, Any]) -> str:
    return f"{organization}/{one['project']}/{one['name']}"


def _rows(one: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """A key's own, and one for each former secret that still works."""
    used, ends = _minute(one["last_used_at"]) or "never", _minute(one["refused_from"])
    path = f"{one['project']}/{one['name']}"
    yield path, one["hint"], one["state"], one["created_by"], used, one["last_address"] or "", ends
    for former in one["former_secrets"]:
        used, ends = _minute(former["last_used_at"]) or "never", _minute(former["works_until"])
        yield "  former secret", former["hint"], "", "", used, "", ends


def _minute(at: str | None) -> str:
    return f"{at[:10]} {at[11:16]} UTC" if at else ""
