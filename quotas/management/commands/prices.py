"""`manage.py prices`: the price book, and what it and contracts make of a model."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from orbit.lib import access, clock
from orbit.lib.clock import rfc3339, to_us
from orbit.lib.errors import InputError
from quotas import importing, prices
from quotas.contracts import add_price, rates_document, reseed, routed
from quotas.file import PRICES
from quotas.models import Price
from quotas.rates import WHOLES, Rates
from tenants.management.cli import OperatorCommand
from tenants.models import Organization, ProviderAccount

ACTOR = "manage.py prices"


class Command(OperatorCommand):
    help = "The price book, contract prices, and what they make of a model (docs/prices.md)."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        for name, words in (
            ("list", "the book's newest prices, or an organization's contracts"),
            ("show", "what a model costs"),
            ("add", "add a price to the book"),
            ("import", "add many, from JSON lines"),
            ("seed", "take in the prices of the installed genai-prices for all routed models"),
        ):
            made = actions.add_parser(name, help=words)
            made.add_argument("--json", action="store_true", help="one JSON object on stdout")
            getattr(self, f"_{name}_arguments", lambda _: None)(made)

    def _list_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--organization", metavar="SLUG")
        parser.add_argument("--provider")

    def _show_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--provider", required=True)
        parser.add_argument("--model", required=True)
        parser.add_argument("--organization", metavar="SLUG")
        parser.add_argument("--account", default="", metavar="NAME")
        parser.add_argument("--at", metavar="TIME", help="RFC 3339 or a date (UTC); default: now")

    def _add_arguments(self, parser: argparse.ArgumentParser) -> None:
        for name in ("provider", "model", "input", "output"):
            parser.add_argument(f"--{name}", required=True)
        for name in ("cached-input", "cache-write"):
            parser.add_argument(f"--{name}")
        parser.add_argument("--from", dest="starts", metavar="TIME", help="default: now")
        parser.add_argument("--source", default="added by hand", help="where the price is from")

    def _import_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE")
        parser.add_argument(
            "--dry-run", action="store_true", help="check the file and show what it would change"
        )

    def handle(self, *, action: str, **options: Any) -> None:
        report, lines = getattr(self, f"_{action}")(options)
        self.stdout.write(json.dumps(report) if options["json"] else "\n".join(lines))

    def _list(self, options: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        if options["organization"]:
            with access.scope(organization_id=_organization(options["organization"])):
                rows = PRICES.export()
            return {"prices": rows}, [_words(row) for row in rows]
        newest = Price.objects.order_by("provider", "model", "-valid_from", "-pk").distinct(
            "provider", "model"
        )
        if options["provider"]:
            newest = newest.filter(provider=options["provider"])
        found = [
            {
                "provider": one.provider,
                "model": one.model,
                "from": rfc3339(one.valid_from),
                "version": one.version,
            }
            | prices.amounts(Rates.parse(one.rates, one.version))
            for one in newest
        ]
        return {"prices": found}, [_words(row) for row in found]

    def _show(self, options: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        at = _moment("--at", options["at"]) or datetime.now(UTC)
        target = prices.Target(options["provider"], options["model"], options["account"])
        if options["organization"]:
            with access.scope(organization_id=_organization(options["organization"])):
                _check_account(options["account"])
                found = prices.in_force(
                    {target}, at, as_of_then=at < datetime.now(UTC) and bool(options["at"])
                )
        else:
            found = prices.listed({target}, at)
        rates = found.get(target)
        steps = list(_steps(rates, at)) if rates else []
        report = {"provider": target.provider, "model": target.model, "at": rfc3339(at), "prices": steps}
        if not steps or not steps[0]["priced"]:
            lines = ["No price: refused where a cost limit applies, unless the policy names a ceiling."]
        else:
            lines = []
        return report, [*lines, *(_words(step) for step in steps if step["priced"])]

    def _add(self, options: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        amounts = {name: options[name] for name in WHOLES if options[name] is not None}
        row = add_price(
            provider=options["provider"],
            model=options["model"],
            rates=rates_document(amounts),
            valid_from=_moment("--from", options["starts"]),
            source=options["source"],
            actor=ACTOR,
        )
        return {"version": row.version}, [f"Added {row.provider}/{row.model} as {row.version}."]

    def _import(self, options: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        new = importing.read(options["file"])
        compared = self._compared(new) if options["dry_run"] else None
        with transaction.atomic(using="default"):
            versions = [one.add(ACTOR).version for one in new]
            if compared is not None:
                transaction.set_rollback(True, using="default")
                return compared
        return {"versions": versions}, [f"Added {len(versions)} prices."]

    def _compared(self, new: list[importing.NewPrice]) -> tuple[dict[str, Any], list[str]]:
        """What the file would change, each model as it is now and as it would be."""
        now = datetime.now(UTC)
        book = prices.listed({prices.Target(one.provider, one.model) for one in new}, now)
        report, lines = [], [f"{len(new)} prices would be added. Nothing was changed."]
        for one in new:
            known = book.get(prices.Target(one.provider, one.model))
            before = prices.amounts(known.at(to_us(now))) if known and known.at(to_us(now)).priced else None
            after = prices.amounts(Rates.parse(one.rates, one.source))
            named = {"provider": one.provider, "model": one.model, "source": one.source}
            report.append({**named, "before": before, "after": after})
            was = f"input {before['input']} output {before['output']}" if before else "no price"
            lines.append(
                f"{one.provider}/{one.model}: {was} -> input {after['input']} output {after['output']}"
            )
        return {"prices": report}, lines

    def _seed(self, options: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        pairs = routed()
        changed = sorted(reseed(pairs, actor=ACTOR))
        rates = prices.listed({prices.Target(*pair) for pair in pairs}, datetime.now(UTC))
        unpriced = sorted(pairs - {(target.provider, target.model) for target in rates})
        report: dict[str, Any] = {
            "routed": len(pairs),
            "changed": [f"{provider}/{model}" for provider, model in changed],
            "unpriced": [f"{provider}/{model}" for provider, model in unpriced],
        }
        lines = [
            f"{len(pairs)} routed models, {len(changed)} with new prices, {len(unpriced)} without a price."
        ]
        return report, [
            *lines,
            *(f"new       {one}" for one in report["changed"]),
            *(f"unpriced  {one}" for one in report["unpriced"]),
        ]


def _organization(slug: str) -> UUID:
    with access.operator():
        organization = Organization.objects.filter(slug=slug).first()
    if organization is None:
        raise InputError("--organization", f"there is no organization {slug!r}.")
    return organization.pk


def _check_account(name: str) -> None:
    if name and not ProviderAccount.objects.filter(name=name).exists():
        raise InputError("--account", f"there is no account {name!r}.")


def _moment(option: str, text: str | None) -> datetime | None:
    try:
        return clock.parse(text) if text else None
    except ValueError:
        raise InputError(
            option, f"{text!r} is no time.", "Write 2026-11-23 or 2026-11-23T10:00:00Z."
        ) from None


def _steps(rates: Rates, at: datetime) -> list[dict[str, Any]]:
    """What is in force now, and each set of rates that is known to follow."""
    steps, since, step = [], at, rates
    while True:
        steps.append(
            {"from": rfc3339(since), "priced": step.priced, "version": step.version}
            | prices.amounts(step.at(to_us(since)))
        )
        if step.successor is None or step.valid_until_us is None:
            return steps
        since, step = clock.from_us(step.valid_until_us), step.successor


def _words(row: dict[str, Any]) -> str:
    """One line: what it is, then its figures."""
    named = [
        str(row[name]) for name in ("provider", "model", "account", "from", "until", "version") if name in row
    ]
    skipped = {"provider", "model", "account", "from", "until", "version", "priced"}
    figures = [
        f"{name} {value}"
        for name, value in row.items()
        if name not in skipped and not isinstance(value, dict | list)
    ]
    beside = [f"{name} {json.dumps(value)}" for name, value in row.items() if isinstance(value, dict | list)]
    return "  ".join([" ".join(named), *figures, *beside])
