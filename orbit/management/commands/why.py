"""`manage.py why`: what became of a request of any organization, or what a key would meet now, in a sentence."""

from __future__ import annotations

import argparse
import json
from typing import Any
from uuid import UUID

from django.core.management import call_command
from django.core.management.base import CommandError
from redis.exceptions import RedisError

from orbit.lib.errors import InputError
from proxy import why
from proxy.why import Told
from tenants.management.cli import UNREACHABLE, OperatorCommand, of_options


class Command(OperatorCommand):
    help = "Why a request was refused, or how its call ended."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("request_id", nargs="?", help="the x-orbit-request-id of its answer")
        parser.add_argument("--organization", metavar="SLUG", help="default: whose it is is looked for")
        parser.add_argument("--key", metavar="ORG/PROJECT/NAME", help="instead: what it would meet now")
        parser.add_argument("--model", metavar="ALIAS")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, **options: Any) -> None:
        if options["request_id"] is None:
            self._now(options)
            return
        if options["key"] or options["model"]:
            raise InputError("--key", "goes without a request id.", "Name one or the other.")
        try:
            request_id = UUID(options["request_id"])
        except ValueError:
            raise InputError("request_id", f"{options['request_id']!r} is no id.") from None
        try:
            with of_options("organization"):
                _, told = why.told_anywhere(request_id, options["organization"] or "")
        except RedisError as error:
            raise CommandError(
                "Redis is not reachable, and the ledger has no such call.", returncode=UNREACHABLE
            ) from error
        self.stdout.write(json.dumps(told.as_json()) if options["json"] else _words(told))

    def _now(self, options: dict[str, Any]) -> None:
        for name in ("key", "model"):
            if not options[name]:
                raise InputError(f"--{name}", "is needed where there is no request id.")
        more = ["--json"] if options["json"] else []
        asked = ["--key", options["key"], "--model", options["model"], *more]
        call_command("limits", "explain", *asked, stdout=self.stdout)


def _words(told: Told) -> str:
    code = f": {told.code}" if told.code else ""
    lines = [f"{told.outcome}{code}", told.message]
    if told.limit:
        names = ("limit_value", "spent", "held", "free", "need", "retry_at")
        figures = ", ".join(
            f"{name} {told.limit[name]}" for name in names if told.limit.get(name) is not None
        )
        lines.append(f"The limit {told.limit['limit']!r} at that moment: {figures}")
    return "\n".join(lines)
