from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError

from tenants import schema
from tenants.apply import Outcome, apply
from tenants.management.cli import BAD_INPUT, UNREACHABLE, OperatorCommand
from tenants.schema.loading import read
from tenants.schema.problems import Invalid, Problem

_SIGNS = {"create": "+", "update": "~", "delete": "-"}


class Command(OperatorCommand):
    help = "Creates or updates organizations and what belongs to them as a YAML or JSON file says (docs/apply.md)."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "-f", "--file", required=True, metavar="FILE", help="the file; - reads standard input"
        )
        parser.add_argument("--dry-run", action="store_true", help="show the plan, change nothing")
        parser.add_argument(
            "--prune",
            action="store_true",
            help="also remove what the file does not name, inside the organizations that it names",
        )
        parser.add_argument(
            "--reason", default="apply", metavar="TEXT", help="why; stands in the new revisions of policies"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object on standard output")

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except CommandError as error:
            if error.returncode == UNREACHABLE and options["json"]:
                self._write_json(Outcome(), [Problem("", str(error))])
            raise

    def handle(self, *, file: str, dry_run: bool, prune: bool, reason: str, json: bool, **_: Any) -> None:
        try:
            outcome = apply(
                schema.load(read(file)),
                actor="manage.py apply",
                reason=reason,
                prune=prune,
                dry_run=dry_run,
            )
        except Invalid as error:
            self._refuse(error.problems, json)
            return
        for warning in outcome.warnings:
            self.stderr.write(f"warning: {warning}")
        if json:
            self._write_json(outcome, [])
        else:
            self._write_words(outcome, dry_run)

    def _refuse(self, problems: list[Problem], as_json: bool) -> None:
        if as_json:
            self._write_json(Outcome(), problems)
        for problem in problems:
            hint = f" ({problem.suggestion})" if problem.suggestion else ""
            self.stderr.write(f"{problem.path or 'file'}: {problem.message}{hint}")
        raise CommandError("Nothing was changed.", returncode=BAD_INPUT)

    def _write_json(self, outcome: Outcome, problems: list[Problem]) -> None:
        answer = {
            "changed": outcome.changed,
            "plan": [asdict(step) for step in outcome.plan],
            "keys": [asdict(key) for key in outcome.keys],
            "secrets": [asdict(one) for one in outcome.secrets],
            "errors": [problem.as_dict() for problem in problems],
        }
        self.stdout.write(json.dumps(answer))

    def _write_words(self, outcome: Outcome, dry_run: bool) -> None:
        for step in outcome.plan:
            fields = f": {', '.join(step.fields)}" if step.fields and step.op == "update" else ""
            self.stdout.write(f"{_SIGNS[step.op]} {step.kind} {step.path}{fields}")
        if not outcome.changed:
            self.stdout.write("Nothing to change.")
        elif dry_run:
            self.stdout.write("Dry run: nothing was changed.")
        if outcome.keys:
            self.stdout.write("\nNew keys. They are shown this once:")
        for key in outcome.keys:
            self.stdout.write(f"  {key.organization}/{key.project}/{key.name}  {key.secret}")
        if outcome.secrets:
            self.stdout.write("\nNew secrets. They are shown this once:")
        for one in outcome.secrets:
            self.stdout.write(f"  {one.kind} {one.path}  {one.secret}")
