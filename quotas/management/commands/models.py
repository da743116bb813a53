"""`manage.py models`: what is known of the models that are routed, and from where."""

from __future__ import annotations

import argparse
import json
from typing import Any

from orbit.lib.errors import InputError
from quotas import catalogue
from quotas.catalogue import Facts, Pair
from quotas.contracts import look_up, routed
from tenants.management.cli import OperatorCommand

ACTOR = "manage.py models"


class Command(OperatorCommand):
    help = "What is known of the models that are routed (docs/models.md)."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        for name, words in (
            ("list", "every routed model"),
            ("show", "one model"),
            ("refresh", "look all routed models up again in what is installed"),
        ):
            made = actions.add_parser(name, help=words)
            made.add_argument("--json", action="store_true", help="one JSON object on stdout")
            if name == "show":
                made.add_argument("--provider", required=True)
                made.add_argument("--model", required=True)

    def handle(self, *, action: str, **options: Any) -> None:
        report, lines = getattr(self, f"_{action}")(options)
        self.stdout.write(json.dumps(report) if options["json"] else "\n".join(lines))

    def _list(self, options: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        rows = [_row(pair, facts) for pair, facts in sorted(catalogue.facts_of(routed()).items())]
        return {"models": rows}, [_words(row) for row in rows]

    def _show(self, options: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        pair = (options["provider"], options["model"])
        if catalogue.unseen({pair}):
            raise InputError(
                "--model",
                f"{pair[0]}/{pair[1]} has not been routed yet.",
                "models list shows those that are.",
            )
        row = _row(pair, catalogue.facts_of({pair})[pair])
        return row, [f"{name:16}{_word(value)}" for name, value in row.items()]

    def _refresh(self, options: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        pairs = routed()
        changed = sorted(look_up(pairs, actor=ACTOR))
        unknown = sorted(pair for pair, facts in catalogue.facts_of(pairs).items() if not facts.known)
        report = {"routed": len(pairs), "changed": _names(changed), "unknown": _names(unknown)}
        lines = [
            f"{len(pairs)} routed models, {len(changed)} changed, {len(unknown)} of which nothing is known."
        ]
        lines += [f"changed  {name}" for name in _names(changed)]
        return report, lines + [f"unknown  {name}" for name in _names(unknown)]


def _names(pairs: list[Pair]) -> list[str]:
    return [f"{provider}/{model}" for provider, model in pairs]


def _row(pair: Pair, facts: Facts) -> dict[str, Any]:
    return {
        "provider": pair[0],
        "model": pair[1],
        "context_window": facts.context_window,
        "max_output": facts.max_output,
        "inputs": sorted(facts.inputs),
        "outputs": sorted(facts.outputs),
        "deprecated": facts.deprecated,
        "retires_on": f"{facts.retires_on:%F}" if facts.retires_on else None,
        "source": facts.source,
    }


def _words(row: dict[str, Any]) -> str:
    named = {name: row[name] for name in row if name not in ("provider", "model", "source")}
    figures = [f"{name} {_word(value)}" for name, value in named.items() if value]
    return "  ".join([f"{row['provider']} {row['model']}", *(figures or ["nothing is known"])])


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(value) or "unknown"
    return "unknown" if value is None else str(value)
