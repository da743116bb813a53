"""`manage.py doctor`: what usually is the matter with an installation, and what to do about it."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError

from orbit import diagnosis
from orbit.lib.logs import masked
from tenants.management.cli import OperatorCommand


class Command(OperatorCommand):
    help = "Looks at settings, stores, workers, mail and disk, and says what to do. Exit code 1 when something fails."
    requires_system_checks: list[str] = []  # their findings are among ours

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, **options: Any) -> None:
        findings = list(diagnosis.examined())
        if options["json"]:
            self.stdout.write(json.dumps({"checks": [asdict(one) for one in findings]}))
        else:
            for one in findings:
                words = f"{one.detail.rstrip('.')}. {one.remedy}" if one.remedy else one.detail
                self.stdout.write(masked(f"{one.state:<5} {one.what:<12} {words}"))
        failed = sum(one.state == "fail" for one in findings)
        if failed:
            raise CommandError(f"{failed} of {len(findings)} fail.", returncode=1)
