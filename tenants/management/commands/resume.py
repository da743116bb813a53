from __future__ import annotations

import argparse
from typing import Any

from tenants.management.cli import OperatorCommand
from tenants.suspending import resume, whom


class Command(OperatorCommand):
    help = "Lifts the suspension of an organization, a project or a key from the next call on."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("path", metavar="ORGANIZATION[/PROJECT[/KEY]]")

    def handle(self, *, path: str, **_: Any) -> None:
        done = resume(whom(path), actor="manage.py resume")
        self.stdout.write(f"{path} is {'resumed' if done else 'not suspended'}.")
