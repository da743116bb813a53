"""`manage.py limits explain`: a key's effective limits with their figures, and what a request would meet."""

from __future__ import annotations

import argparse
import json
from typing import Any

from django.core.management.base import CommandError
from redis.exceptions import RedisError

from orbit.lib import money
from orbit.lib.errors import InputError
from proxy.explanation import Explanation, Question, explain
from proxy.routes import TABLE
from proxy.why import principal_anywhere
from quotas.status import LimitStatus
from tenants.management.cli import UNREACHABLE, OperatorCommand, of_options


class Command(OperatorCommand):
    help = "Explain the limits of a key."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        action = parser.add_subparsers(dest="action", required=True).add_parser("explain")
        action.add_argument("--key", required=True, metavar="ORG/PROJECT/NAME")
        action.add_argument("--model", required=True, metavar="ALIAS")
        action.add_argument(
            "--input-tokens", type=int, default=0, metavar="N", help="of the request in question"
        )
        action.add_argument(
            "--max-output-tokens", type=int, metavar="N", help="default: what would be reserved"
        )
        action.add_argument("--end-user", metavar="U", help="default: the request names none")
        action.add_argument(
            "--endpoint",
            default="chat/completions",
            choices=sorted({route.endpoint for route in TABLE if route.method == "POST"}),
        )
        action.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, **options: Any) -> None:
        for name, least in (("input_tokens", 0), ("max_output_tokens", 1)):
            if options[name] is not None and options[name] < least:
                raise InputError(f"--{name.replace('_', '-')}", f"must be at least {least}.")
        with of_options("key"):
            _, principal = principal_anywhere(options["key"])
        question = Question(
            model=options["model"],
            endpoint=options["endpoint"],
            input_tokens=options["input_tokens"],
            max_output_tokens=options["max_output_tokens"],
            end_user=options["end_user"],
        )
        try:
            found = explain(principal, question)
        except RedisError as error:
            raise CommandError(
                "Redis is not reachable, so there are no figures.", returncode=UNREACHABLE
            ) from error
        asked = {"key": options["key"], "model": question.model, "end_user": question.end_user}
        self.stdout.write(
            json.dumps({**asked, **found.as_json()})
            if options["json"]
            else _words(options["key"], question, found)
        )


def _words(key: str, question: Question, found: Explanation) -> str:
    verdict = "would be admitted" if found.code is None else f"would be refused: {found.code}"
    lines = [f"{key} calling {question.model}: {verdict}", found.message, *found.reports]
    return "\n".join([*lines, *filter(None, map(_increase, found.limits)), _table(found.limits)])


def _increase(one: LimitStatus) -> str:
    """What there is to say of a temporary increase."""
    if one.raised is None or one.raised_until is None:
        return ""
    until = f"{one.raised_until:%Y-%m-%d %H:%M} UTC"
    raised = f"The limit {one.name!r} is raised to {_amount(one, one.raised.limit)} until {until}."
    return raised if one.is_raised else f"The increase of the limit {one.name!r} ended at {until}."


def _table(limits: list[LimitStatus]) -> str:
    if not limits:
        return "No limit applies."
    head = ("limit", "of", "meter", "limit", "spent", "held", "free", "until", "")
    rows = [
        (
            one.name,
            f"{one.level} {one.object}",
            f"{one.meter} {'in total' if one.per == 'total' else f'per {one.per}'}" if one.per else one.meter,
            *(_amount(one, value) for value in (one.limit, one.spent, one.held, one.free)),
            f"{one.window_end:%Y-%m-%d %H:%M} UTC" if one.window_end else "",
            "shadow" if one.shadow else "",
        )
        for one in limits
    ]
    widths = [max(len(row[index]) for row in [head, *rows]) for index in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *rows]
    )


def _amount(limit: LimitStatus, value: int) -> str:
    return money.amount(value) if limit.meter == "cost" else str(value)
