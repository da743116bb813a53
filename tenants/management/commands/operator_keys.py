"""`manage.py operator_keys`: how operators get into the management API first. See docs/operator-access.md."""

from __future__ import annotations

import argparse
from datetime import timedelta
from json import dumps
from typing import Any

from django.utils import timezone

from orbit.lib import access
from orbit.lib.clock import rfc3339
from tenants.management.cli import OperatorCommand
from tenants.models import OperatorKey
from tenants.rights import PRESETS
from tenants.services import issue_operator_key, revoke_operator_key

_ACTOR = "manage.py operator_keys"
_MOST_DAYS = 3650


class Command(OperatorCommand):
    help = "Issues, lists and revokes operators' keys of the management API, which reach every organization."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        issue = actions.add_parser("issue", help="a new key, whose text is shown once")
        issue.add_argument("name")
        what = issue.add_mutually_exclusive_group(required=True)
        what.add_argument("--scopes", metavar="SCOPE,…", help="such as organizations.read,usage.read")
        what.add_argument("--preset", choices=sorted(PRESETS), help="the scopes of a role")
        issue.add_argument("--days", type=_days, metavar="N", help="it ends after so many; default: never")
        listing = actions.add_parser("list", help="all keys, also those that have ended")
        revocation = actions.add_parser("revoke", help="ends a key for good")
        revocation.add_argument("name")
        for one in (issue, listing, revocation):
            one.add_argument("--json", action="store_true", help="one JSON object on standard output")

    def handle(self, *, action: str, **options: Any) -> None:
        getattr(self, f"_{action}")(**options)

    def _issue(
        self, *, name: str, scopes: str | None, preset: str | None, days: int | None, json: bool, **_: Any
    ) -> None:
        words = [one.value for one in PRESETS[preset]] if preset else (scopes or "").split(",")
        ends = timezone.now() + timedelta(days=days) if days else None
        key, text = issue_operator_key(
            name=name, scopes=[word.strip() for word in words if word.strip()], actor=_ACTOR, expires_at=ends
        )
        if json:
            self.stdout.write(dumps({**_shown(key), "secret": text}))
            return
        self.stdout.write(f"The operator key {name}. It is shown this once:\n  {text}")
        self.stdout.write(f"It opens: {' '.join(key.words)}")

    def _list(self, *, json: bool, **_: Any) -> None:
        with access.operator():
            found = [_shown(key) for key in OperatorKey.objects.defer("digest").order_by("name")]
        if json:
            self.stdout.write(dumps({"keys": found}))
            return
        for one in found:
            state = "works" if one["works"] else "has ended"
            used = one["last_used_at"] or "never"
            self.stdout.write(
                f"{one['name']}  {one['hint']}  {state}, last used {used}: {' '.join(one['scopes'])}"
            )
        if not found:
            self.stdout.write("No operator key.")

    def _revoke(self, *, name: str, json: bool, **_: Any) -> None:
        key = revoke_operator_key(name=name, actor=_ACTOR)
        self.stdout.write(dumps(_shown(key)) if json else f"{name} is revoked.")


def _shown(key: OperatorKey) -> dict[str, Any]:
    moments = ("expires_at", "revoked_at", "last_used_at", "created_at")
    return {
        "name": key.name,
        "hint": key.hint,
        "scopes": key.words,
        "works": key.works,
        "created_by": key.created_by,
        **{name: rfc3339(at) if (at := getattr(key, name)) else None for name in moments},
    }


def _days(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= _MOST_DAYS:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {_MOST_DAYS}")
    return int(text)
