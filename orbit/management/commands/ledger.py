"""`manage.py ledger`: an organization's events in the order of its chain; what could not be written."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError

from audit.events import COLUMNS, exported
from audit.models import Event
from audit.tasks import drained
from orbit.lib import access, clock
from orbit.lib.errors import InputError
from orbit.management import dead_letters
from tenants.management.cli import UNREACHABLE, OperatorCommand
from tenants.models import Organization

KINDS = [kind.value for kind in Event.Kind]


class Command(OperatorCommand):
    help = "The ledger: read it, and look after it."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        export = actions.add_parser(
            "export", help="events of one organization, one JSON object a line, by sequence"
        )
        export.add_argument("--organization", required=True, metavar="SLUG")
        export.add_argument("--kind", choices=KINDS, help="only these events")
        export.add_argument("--since", metavar="TIME", help="admitted at or after, RFC 3339 or a date (UTC)")
        export.add_argument("--until", metavar="TIME", help="admitted before")
        export.add_argument(
            "--wait", type=float, default=0, metavar="SECONDS", help="wait until nothing is on its way"
        )
        export.add_argument("--format", choices=["jsonl"], default="jsonl")
        dead_letters.add_arguments(actions)

    def handle(self, **options: Any) -> None:
        work = {"dead-letters": dead_letters.handle}.get(options["action"])
        if work is not None:
            work(self, options)
        else:
            self._export(options)

    def _export(self, options: dict[str, Any]) -> None:
        with access.operator():
            organization = Organization.objects.filter(slug=options["organization"]).first()
            if organization is None:
                raise InputError("--organization", f"there is no organization {options['organization']!r}.")
            _wait(organization.shard, options["wait"])
            try:
                for event in _events(organization, options):
                    self.stdout.write(json.dumps(event, ensure_ascii=False, separators=(",", ":")))
                self.stdout.flush()
            except BrokenPipeError:  # the reader, such as `head`, has seen enough
                sys.stderr.close()


def _wait(shard: int, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while seconds and not drained(shard):
        if time.monotonic() > ends:
            raise CommandError(
                f"Events were still on their way to the ledger after {seconds:g} s. Is the Celery worker running?",
                returncode=UNREACHABLE,
            )
        time.sleep(0.1)


def _events(organization: Organization, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    rows = Event.objects.filter(organization_id=organization.pk).order_by("seq")
    if options["kind"]:
        rows = rows.filter(kind=options["kind"])
    for name, lookup in (("since", "admitted_at__gte"), ("until", "admitted_at__lt")):
        if options[name]:
            rows = rows.filter(**{lookup: moment(f"--{name}", options[name])})
    for event in rows.iterator(chunk_size=1000):
        yield exported({name: getattr(event, name) for name in COLUMNS})


def moment(option: str, text: str) -> Any:
    try:
        return clock.parse(text)
    except ValueError as error:
        raise InputError(
            option, f"{text!r} is no time.", "Write 2026-11-23 or 2026-11-23T10:00:00Z."
        ) from error
