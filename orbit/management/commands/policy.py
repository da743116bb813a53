"""`manage.py policy`: a policy's revisions, what became different, the way back, requests, and a draft tried out."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import yaml
from django.core.management.base import CommandError
from redis.exceptions import RedisError

from orbit.lib import access
from orbit.lib.clock import parse, rfc3339
from orbit.lib.errors import InputError
from proxy.simulation import in_words, simulate
from tenants import services
from tenants.comparison import compare
from tenants.export import policy_entry
from tenants.management.cli import BAD_INPUT, UNREACHABLE, OperatorCommand
from tenants.models import Organization, Policy, PolicyRequest, PolicyRevision
from tenants.schema import Invalid, Problem, load
from tenants.schema.loading import read
from tenants.services.policies import find_policy, find_revision

MOST_DAYS = 400


class Command(OperatorCommand):
    help = "A policy: its revisions, requests for more, a draft tried out (docs/policies.md)."

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

        ask = _action(actions, "ask", "ask for more of a limit, or for a model, until a moment")
        what = ask.add_mutually_exclusive_group(required=True)
        what.add_argument("--limit", metavar="NAME", help="with --amount")
        what.add_argument("--model", metavar="ALIAS")
        ask.add_argument("--amount", default="", metavar="N", help="what the limit is to be meanwhile")
        ask.add_argument("--until", required=True, metavar="TIME", help="RFC 3339, or a date (UTC)")
        ask.add_argument("--reason", required=True, metavar="TEXT")
        _action(actions, "requests", "what was asked for, the newest first")
        for name, words in (("approve", "put a request in force"), ("refuse", "say no to a request")):
            decide = _action(actions, name, words)
            decide.add_argument("--request", type=UUID, required=True, metavar="ID")
            decide.add_argument("--reason", required=name == "refuse", default="", metavar="TEXT")
        for name in ("ask", "approve", "refuse"):
            actions.choices[name].add_argument("--by", default="", metavar="WHO", help="default: the command")
        simulate = _action(actions, "simulate", "try a draft in its place on what was recorded")
        simulate.add_argument(
            "--file", required=True, metavar="DRAFT.yaml", help="as `show` writes it; - for stdin"
        )
        simulate.add_argument("--days", type=float, required=True, metavar="N", help="how far back")

    def handle(self, *, action: str, policy: str, json: bool, **options: Any) -> None:
        organization, name = _found(policy)
        with access.scope(organization_id=organization.pk):
            row = find_policy(name)
        assert row is not None
        try:
            answer, words = ACTIONS[action](organization, row, **options)
        except Invalid as error:
            raise CommandError("\n".join(map(_problem, error.problems)), returncode=BAD_INPUT) from None
        self.stdout.write(_written(answer) if json else words)


def _history(organization: Organization, policy: Policy, **options: Any) -> tuple[Any, str]:
    with access.scope(organization_id=organization.pk):
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
    found = _revision(policy, revision)
    entry = {"name": policy.name} | policy_entry(found.document)
    words = yaml.safe_dump(entry, sort_keys=False, allow_unicode=True).rstrip()
    return _told(found, policy) | {"document": found.document}, words


def _diff(
    organization: Organization, policy: Policy, since: int | None, to: int | None, **options: Any
) -> tuple[Any, str]:
    newer = _revision(policy, to)
    if since is None and newer.number == 1:
        raise InputError("--from", "there is none before revision 1.", "Name two revisions.")
    older = _revision(policy, newer.number - 1 if since is None else since)
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


def _simulate(
    organization: Organization, policy: Policy, file: str, days: float, **options: Any
) -> tuple[Any, str]:
    if not 0 < days <= MOST_DAYS:
        raise InputError("--days", f"must be more than 0 and at most {MOST_DAYS}.")
    try:
        found = simulate(
            organization_id=organization.pk, policy=policy.name, draft=_draft(file, policy.name), days=days
        )
    except RedisError as error:
        raise CommandError(f"Limits cannot be tried out now: {error}", returncode=UNREACHABLE) from error
    return found.as_json(), in_words(found)


def _ask(
    organization: Organization,
    policy: Policy,
    limit: str | None,
    model: str | None,
    amount: str,
    until: str,
    reason: str,
    by: str,
    **options: Any,
) -> tuple[Any, str]:
    shared: dict[str, Any] = {
        "organization_id": organization.pk,
        "policy": policy.name,
        "until": _moment(until),
        "reason": reason,
        "actor": by or "manage.py policy ask",
    }
    if model is not None:
        asked = services.request_model(**shared, model=model)
    else:
        asked = services.request_more(**shared, limit=limit or "", amount=amount)
    return _request(asked), f"Request {asked.pk} is open."


def _requests(organization: Organization, policy: Policy, **options: Any) -> tuple[Any, str]:
    with access.scope(organization_id=organization.pk):
        found = [_request(one) for one in policy.requests.order_by("-created_at")]
    lines = [
        f"{one['request']}  {one['state']:<8}  {one['model'] or one['limit'] + ' ' + one['amount']}"
        f" until {one['until'][:19]}Z, {one['requested_by']}: {one['reason']}"
        for one in found
    ]
    return {"requests": found}, "\n".join(lines) or "Nobody asked for anything."


def _approve(
    organization: Organization, policy: Policy, request: UUID, reason: str, by: str, **options: Any
) -> tuple[Any, str]:
    asked = services.approve_request(
        organization_id=organization.pk,
        request_id=request,
        actor=by or "manage.py policy approve",
        reason=reason,
    )
    return _request(asked), f"Revision {asked.revision} is in force; it ends at {rfc3339(asked.until)}."


def _refuse(
    organization: Organization, policy: Policy, request: UUID, reason: str, by: str, **options: Any
) -> tuple[Any, str]:
    asked = services.refuse_request(
        organization_id=organization.pk,
        request_id=request,
        actor=by or "manage.py policy refuse",
        reason=reason,
    )
    return _request(asked), "Refused."


def _moment(text: str) -> datetime:
    try:
        return parse(text)
    except ValueError:
        raise InputError("--until", f"{text!r} is no time.", "Write 2027-01-31T00:00:00Z.") from None


def _request(asked: PolicyRequest) -> dict[str, Any]:
    return {
        "request": str(asked.pk),
        "state": str(asked.state),
        "limit": asked.limit,
        "amount": asked.amount,
        "model": asked.model,
        "until": rfc3339(asked.until),
        "reason": asked.reason,
        "requested_by": asked.requested_by,
        "decided_by": asked.decided_by,
        "decision": asked.decision,
        "revision": asked.revision,
    }


def _draft(file: str, name: str) -> dict[str, Any]:
    content = load(read(file))
    if not isinstance(content, dict):
        raise Invalid([Problem("", "must be a policy: a mapping of names to values")])
    if content.pop("name", name) != name:
        raise Invalid([Problem("name", f"is not {name!r}", "leave it out")])
    return content


Action = Callable[..., tuple[Any, str]]
ACTIONS: dict[str, Action] = {
    "history": _history,
    "show": _show,
    "diff": _diff,
    "rollback": _rollback,
    "ask": _ask,
    "requests": _requests,
    "approve": _approve,
    "refuse": _refuse,
    "simulate": _simulate,
}


def _problem(one: Problem) -> str:
    return f"{one.path or 'policy'}: {one.message}{f' ({one.suggestion})' if one.suggestion else ''}"


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


def _revision(policy: Policy, number: int | None) -> PolicyRevision:
    """The one in force where no number is given."""
    with access.scope(organization_id=policy.organization_id):
        return find_revision(policy, policy.revision if number is None else number)


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
