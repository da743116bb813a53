"""`manage.py policy`: a policy's revisions, what became different, and the way back."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

import yaml

from orbit.lib import access
from orbit.lib.clock import rfc3339
from orbit.lib.errors import InputError
from tenants import services
from tenants.comparison import compare
from tenants.export import policy_entry
from tenants.management.cli import OperatorCommand
from tenants.models import Organization, Policy, PolicyRevision
from tenants.services.policies import find_policy, find_revision


class Command(OperatorCommand):
    help = "Revisions of a policy: history, show, diff, rollback (docs/policies.md)."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        _action(actions, "history", "every revision, the newest first: when, who and why")
        show = _action(actions, "show", "what it says, as `apply` reads it")
        show.add_argument("--revision", type=int, metavar="N", help="default: the one in force")
        diff = _action(actions, "diff", "what became different between two revisions")
        diff.add_argument("--from", type=int, dest="since", metavar="N", help="default: the one before --to")
        diff.add_argument("--to", type=int, metavar="N", help="default: the one in force")
        rollback = _action(actions, "rollback", "put in force again what an old revision said")
        rollback.add_argument("--to", type=int, required=True, metavar="N")
        rollback.add_argument("--reason", default="", metavar="TEXT")

    def handle(self, *, action: str, policy: str, json: bool, **options: Any) -> None:
        organization, name = _found(policy)
        with access.scope(organization_id=organization.pk):
            row = find_policy(name)
            assert row is not None
            answer, words = ACTIONS[action](organization, row, **options)
        self.stdout.write(_written(answer) if json else words)


def _history(organization: Organization, policy: Policy, **options: Any) -> tuple[Any, str]:
    rows = [_told(one, policy) for one in policy.revisions.order_by("-number")]
    lines = [
        f"{one['revision']:>4}{'*' if one['in_force'] else ' '} {one['created_at'][:19]}Z  "
        f"{one['author']}{': ' if one['reason'] else ''}{one['reason']}"
        for one in rows
    ]
    return {"revisions": rows}, "\n".join(lines)


def _show(
    organization: Organization, policy: Policy, revision: int | None, **options: Any
) -> tuple[Any, str]:
    found = find_revision(policy, policy.revision if revision is None else revision)
    entry = {"name": policy.name} | policy_entry(found.document)
    words = yaml.safe_dump(entry, sort_keys=False, allow_unicode=True).rstrip()
    return _told(found, policy) | {"document": found.document}, words


def _diff(
    organization: Organization, policy: Policy, since: int | None, to: int | None, **options: Any
) -> tuple[Any, str]:
    newer = find_revision(policy, policy.revision if to is None else to)
    if since is None and newer.number == 1:
        raise InputError("--from", "there is none before revision 1.", "Name two revisions.")
    older = find_revision(policy, newer.number - 1 if since is None else since)
    found = compare(older.document, newer.document)
    answer = {
        "from": _told(older, policy),
        "to": _told(newer, policy),
        "differences": [one.as_json() for one in found],
    }
    return answer, "\n".join(one.words for one in found) or "They say the same."


def _rollback(
    organization: Organization, policy: Policy, to: int, reason: str, **options: Any
) -> tuple[Any, str]:
    saved = services.rollback_policy(
        organization_id=organization.pk,
        name=policy.name,
        number=to,
        actor="manage.py policy rollback",
        reason=reason,
    )
    number = saved.row.revision
    said = f"Revision {number} says what revision {to} said." if saved.changed else "Nothing to change."
    return {"changed": saved.changed, "revision": number, "fields": list(saved.fields)}, said


Action = Callable[..., tuple[Any, str]]
ACTIONS: dict[str, Action] = {"history": _history, "show": _show, "diff": _diff, "rollback": _rollback}


def _action(actions: Any, name: str, what: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=what)
    parser.add_argument("policy", metavar="ORG/POLICY")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


def _found(path: str) -> tuple[Organization, str]:
    slug, _, name = path.partition("/")
    if not name:
        raise InputError("policy", f"{path!r} is no policy.", "Write ORGANIZATION/POLICY.")
    with access.operator():
        organization = Organization.objects.filter(slug=slug).first()
    if organization is None:
        raise InputError("policy", f"there is no organization {slug!r}.")
    return organization, name


def _told(revision: PolicyRevision, policy: Policy) -> dict[str, Any]:
    return {
        "revision": revision.number,
        "in_force": revision.number == policy.revision,
        "created_at": rfc3339(revision.created_at),
        "author": revision.author,
        "reason": revision.reason,
    }


def _written(answer: Any) -> str:
    return json.dumps(answer, ensure_ascii=False)
