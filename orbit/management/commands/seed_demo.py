from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings

from orbit.demo.seed import seed
from orbit.lib.errors import InputError
from tenants.management.cli import OperatorCommand
from tenants.schema.problems import Invalid


class Command(OperatorCommand):
    help = (
        "Makes the demo organization, with a project, a key and a person; one JSON object on standard output."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        url = f"http://127.0.0.1:{settings.ORBIT_DEMO_PROVIDER_PORT}/v1"
        parser.add_argument(
            "--provider-url", default=url, metavar="URL", help="where the demo provider answers"
        )
        parser.add_argument(
            "--secrets-file", metavar="PATH", help="also write the object there, for the owner alone"
        )
        parser.add_argument(
            "--renew", action="store_true", help="issue a new key and password; the old ones end"
        )

    def handle(self, *, provider_url: str, secrets_file: str | None, renew: bool, **_: Any) -> None:
        try:
            answer = json.dumps(asdict(seed(provider_url=provider_url, renew=renew)))
        except Invalid as error:
            first = error.problems[0]
            raise InputError("--provider-url", first.message, first.suggestion) from None
        if secrets_file:
            _write_private(Path(secrets_file), answer)
        self.stdout.write(answer)


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text + "\n")
