"""`manage.py reprice`: what past calls would have cost at other prices, and adjustments that make it so."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from typing import Any

from billing.reports import spans
from billing.repricing.posting import PriceOf, as_they_stand, reprice, supposed, with_scope
from billing.repricing.reading import Selection
from billing.repricing.shown import as_json
from billing.repricing.trial import Trial
from orbit.lib import access, money
from orbit.lib.errors import InputError
from quotas import importing
from quotas.models import Price
from quotas.policies import calendar_of
from tenants.management.cli import OperatorCommand
from tenants.models import Organization

ACTOR = "manage.py reprice"


class Command(OperatorCommand):
    help = "Reckon past calls anew at the prices that stand now. Without --post nothing is changed (docs/prices.md)."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument(
            "--range", metavar="NAME", default="", help=f"{', '.join(spans.CHOICES)}; default: last-month"
        )
        parser.add_argument("--from", metavar="DAY")
        parser.add_argument("--to", metavar="DAY", help="itself included")
        parser.add_argument(
            "--account", default="", metavar="NAME", help="only calls of this provider account"
        )
        parser.add_argument(
            "--model", default="", metavar="NAME", help="only this model, by its provider's name"
        )
        parser.add_argument(
            "--with", dest="file", metavar="FILE", help="as if the book had the prices of a file"
        )
        parser.add_argument("--post", action="store_true", help="post the differences as adjustments")
        parser.add_argument("--reason", default="", help="with --post: why, for the ledger")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, **options: Any) -> None:
        with access.operator():
            organization = Organization.objects.filter(slug=options["organization"]).first()
        if organization is None:
            raise InputError("--organization", f"there is no organization {options['organization']!r}.")
        if options["post"] and options["file"]:
            raise InputError(
                "--with", "only supposes prices.", "Take them in with `manage.py prices import`."
            )
        try:
            selection = _selection(organization, options)
            if options["post"]:
                done = reprice(
                    organization_id=organization.pk,
                    actor=ACTOR,
                    selection=selection,
                    reason=options["reason"],
                )
                trial, posted = done.trial, done.posted
            else:
                trial, posted = with_scope(organization.pk, selection, _prices(selection, options)), None
        except InputError as error:
            if error.path.startswith(("line", "FILE")):
                raise
            raise InputError(f"--{error.path}", error.message, error.suggestion) from None
        told = as_json(organization, selection, trial, posted)
        self.stdout.write(json.dumps(told) if options["json"] else _words(organization, trial, posted))


def _selection(organization: Organization, options: dict[str, Any]) -> Selection:
    words = {name: options[name] or "" for name in ("range", "from", "to")}
    if not any(words.values()):
        words["range"] = "last-month"
    span = spans.chosen(words, calendar_of(organization), datetime.now(UTC))
    until = min(span.until, datetime.now(UTC))
    return Selection(span.since, until, options["account"], options["model"])


def _prices(selection: Selection, options: dict[str, Any]) -> PriceOf:
    if not options["file"]:
        return as_they_stand(selection.since)
    book: dict[tuple[str, str], list[Price]] = {}
    for one in importing.read(options["file"]):
        book.setdefault((one.provider, one.model), []).append(one.supposed())
    return supposed(selection.since, book=book)


def _words(organization: Organization, trial: Trial, posted: int | None) -> str:
    currency = organization.currency
    lines = []
    for (account, model), sums in sorted(trial.sums.items()):
        before, after = (money.legible(nano, currency) for nano in (sums.before_nano, sums.after_nano))
        lines.append(
            f"{account}  {model}  {sums.calls:,} calls, {sums.changed:,} change: {before} -> {after}"
        )
    lines += [f"left as they are: {count:,} calls, {why}" for why, count in sorted(trial.left.items())]
    lines.append(
        f"In all {money.legible(trial.nano, currency)} for {trial.changed:,} of {trial.calls:,} calls."
    )
    if posted is not None:
        lines.append(f"{posted:,} adjustments were posted; the ledger has them in a moment.")
    else:
        lines.append(
            "Nothing was changed. With --post and --reason the differences are posted as adjustments."
        )
    return "\n".join(lines)
