"""`manage.py limits explain`: a key's effective limits with their figures, and what a request would meet."""

from __future__ import annotations

import argparse
import json
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError
from redis.exceptions import RedisError

from orbit.lib import access, money
from orbit.lib.errors import Code, InputError, OrbitError
from proxy.checks import check_principal, default_output, resolve_target
from proxy.context import Principal
from proxy.snapshot import load_organization, make_principal, record_of
from quotas.limits import Amounts, Limit
from quotas.status import LimitStatus, standing
from tenants.management.cli import UNREACHABLE, OperatorCommand
from tenants.models import ApiKey


class Command(OperatorCommand):
    help = "Explain the limits of a key."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        explain = parser.add_subparsers(dest="action", required=True).add_parser("explain")
        explain.add_argument("--key", required=True, metavar="ORG/PROJECT/NAME")
        explain.add_argument("--model", required=True, metavar="ALIAS")
        explain.add_argument(
            "--input-tokens", type=int, default=0, metavar="N", help="of the request in question"
        )
        explain.add_argument(
            "--max-output-tokens", type=int, metavar="N", help="default: what would be reserved"
        )
        explain.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, **options: Any) -> None:
        principal = _principal(options["key"])
        limits = [
            one
            for one in (principal.policy.limits if principal.policy else ())
            if one.applies_to(options["model"])
        ]
        organization = principal.organization
        try:
            with access.scope(organization_id=UUID(organization.id)):
                figures = standing(organization.shard, organization.id, limits, organization.calendar)
        except RedisError as error:
            raise CommandError(
                "Redis is not reachable, so there are no figures.", returncode=UNREACHABLE
            ) from error
        code = _code(principal, options, limits, figures)
        report = {
            "key": options["key"],
            "model": options["model"],
            "decision": "refuse" if code else "admit",
            "code": code,
            "limits": [one.as_json() for one in figures],
        }
        self.stdout.write(json.dumps(report) if options["json"] else _table(report, figures))


def _principal(path: str) -> Principal:
    parts = path.split("/")
    if len(parts) != 3:
        raise InputError("--key", f"{path!r} is no key.", "Write ORGANIZATION/PROJECT/NAME.")
    with access.operator():
        named = ApiKey.objects.select_related("project").filter(
            organization__slug=parts[0], project__slug=parts[1], name=parts[2]
        )
        key = named.filter(revoked_at=None).first() or named.order_by("created_at").last()
    if key is None:
        raise InputError("--key", f"there is no key {path!r}.")
    return make_principal(record_of(key), load_organization(key.organization_id))


def _code(
    principal: Principal, options: dict[str, Any], limits: list[Limit], figures: list[LimitStatus]
) -> str | None:
    """The code with which the request would be refused; None when it would be admitted."""
    try:
        check_principal(principal)
        if principal.policy is None:
            return Code.NO_POLICY.value
        target = resolve_target(principal, "chat/completions", options["model"])
    except OrbitError as error:
        return error.code.value
    output = options["max_output_tokens"]
    if output is None:
        output = default_output(principal.policy, target.model)
    cost = target.rates.most_nano(options["input_tokens"], output) if target.rates else 0
    need = Amounts(options["input_tokens"], output, cost)
    for limit, figure in zip(limits, figures, strict=True):
        amount = need.of(limit.meter)
        if amount > (limit.burst if limit.smooth else limit.limit):
            return Code.REQUEST_EXCEEDS_LIMIT.value
        if amount > figure.free:
            smooth = limit.smooth or limit.per is None
            return Code.RATE_LIMITED.value if smooth else Code.INSUFFICIENT_QUOTA.value
    return None


def _table(report: dict[str, Any], figures: list[LimitStatus]) -> str:
    verdict = "would be admitted" if not report["code"] else f"would be refused: {report['code']}"
    lines = [f"{report['key']} calling {report['model']}: {verdict}"]
    head = ("limit", "of", "meter", "limit", "spent", "held", "free", "until")
    rows = [
        (
            one.name,
            f"{one.level} {one.object}",
            f"{one.meter} per {one.per}" if one.per else one.meter,
            *(_amount(one, value) for value in (one.limit, one.spent, one.held, one.free)),
            f"{one.window_end:%Y-%m-%d %H:%M} UTC" if one.window_end else "",
        )
        for one in figures
    ]
    widths = [max(len(row[index]) for row in [head, *rows]) for index in range(len(head))]
    lines += [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *rows]
    ]
    return "\n".join(lines)


def _amount(limit: LimitStatus, value: int) -> str:
    return money.amount(value) if limit.meter == "cost" else str(value)
