"""`manage.py ledger`: an organization's events in the order of its chain; what could not be written."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from heapq import merge
from operator import itemgetter
from typing import Any

from django.core.management.base import CommandError
from django.db.models import Max, Min, QuerySet

from audit import reading, schema
from audit.events import COLUMNS, exported
from audit.exports.columns import written
from audit.exports.formats import FORMATS
from audit.models import CheckpointHead, Event, Skeleton
from audit.rows import LAST, stored
from audit.tasks import drained
from orbit.lib import access, clock
from orbit.lib.clock import rfc3339
from orbit.lib.errors import InputError
from orbit.management import dead_letters, partitions
from orbit.management.ledger_files import write
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
        export.add_argument("--from-seq", type=int, metavar="N", help="from this sequence on")
        export.add_argument("--to-seq", type=int, metavar="N", help="up to this sequence")
        export.add_argument(
            "--provable",
            action="store_true",
            help="all between the checkpoints around these events, so that an auditor can verify them",
        )
        export.add_argument(
            "--wait", type=float, default=0, metavar="SECONDS", help="wait until nothing is on its way"
        )
        export.add_argument("--format", choices=list(FORMATS), default="jsonl")
        export.add_argument("--output", metavar="FILE", help="instead of standard output")
        export.add_argument(
            "--skeletons",
            action="store_true",
            help="also what is left of dropped events, so that the chain is whole",
        )
        described = actions.add_parser("schema", help="the JSON Schema of an event")
        described.add_argument("--table", action="store_true", help="its fields, as docs/events.md has them")
        dead_letters.add_arguments(actions)
        partitions.add_arguments(actions)

    def handle(self, **options: Any) -> None:
        work = {"dead-letters": dead_letters.handle, "partitions": partitions.handle}.get(options["action"])
        if work is not None:
            work(self, options)
        elif options["action"] == "schema":
            self.stdout.write(schema.table() if options["table"] else schema.written().decode())
        else:
            self._export(options)

    def _export(self, options: dict[str, Any]) -> None:
        with access.operator():
            organization = Organization.objects.filter(slug=options["organization"]).first()
            if organization is None:
                raise InputError("--organization", f"there is no organization {options['organization']!r}.")
            _wait(organization.shard, options["wait"])
            for gone in reading.dropped(organization.pk, *_range(options)):
                self.stderr.write(
                    f"{gone}: dropped {rfc3339(gone.dropped_at)}, seq {gone.first_seq} to {gone.last_seq}; --skeletons has their hashes."
                )
            try:
                events = _events(organization, options)
                if options["output"] or options["format"] != "jsonl":
                    write(events, options["format"], options["output"])
                    return
                for event in events:
                    self.stdout.write(written(event))
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


def _range(options: dict[str, Any]) -> tuple[datetime | None, datetime | None]:
    since, until = (
        moment(f"--{name}", options[name]) if options[name] else None for name in ("since", "until")
    )
    return since, until


def _events(organization: Organization, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    since, until = _range(options)
    wanted: dict[str, Any] = {"organization_id": organization.pk}
    if options["kind"]:
        wanted["kind"] = options["kind"]
    asked = {
        "admitted_at__gte": since,
        "admitted_at__lt": until,
        "seq__gte": options["from_seq"],
        "seq__lte": options["to_seq"],
    }
    wanted |= {lookup: value for lookup, value in asked.items() if value is not None}
    rows = Event.objects.filter(**wanted).order_by("seq")
    if options["provable"]:
        return _provable(organization, rows if len(wanted) > 1 else None)
    found = (
        exported({name: getattr(event, name) for name in COLUMNS}) for event in rows.iterator(chunk_size=1000)
    )
    if not options["skeletons"]:
        return found
    bare = Skeleton.objects.filter(**wanted).order_by("seq").iterator(chunk_size=1000)
    return merge(found, (one.exported() for one in bare), key=itemgetter("seq"))


def _provable(organization: Organization, rows: QuerySet[Event] | None) -> Iterator[dict[str, Any]]:
    """All that is between the checkpoint before these events and the one after, whatever was asked for.

    Of events whose content retention dropped, their places in the chain.
    """
    found = {"first": 1, "last": LAST} if rows is None else rows.aggregate(first=Min("seq"), last=Max("seq"))
    heads = CheckpointHead.objects.filter(organization_id=organization.pk)
    signed = heads.filter(seq__lt=found["first"] or 1).aggregate(Max("seq"))["seq__max"] or 0
    until = heads.filter(seq__gte=found["last"] or 0).aggregate(Min("seq"))["seq__min"]
    for row in stored("operator", organization.pk, signed, LAST if until is None else until):
        yield row.event()


def moment(option: str, text: str) -> datetime:
    try:
        return clock.parse(text)
    except ValueError as error:
        raise InputError(
            option, f"{text!r} is no time.", "Write 2026-11-23 or 2026-11-23T10:00:00Z."
        ) from error
