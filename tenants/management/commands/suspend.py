from __future__ import annotations

import argparse
from typing import Any

from tenants.management.cli import OperatorCommand
from tenants.suspending import suspend, whom


class Command(OperatorCommand):
    help = "Refuses the calls of an organization, a project or a key from the next one on; `resume` lifts it."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("path", metavar="ORGANIZATION[/PROJECT[/KEY]]")
        parser.add_argument("--reason", required=True, metavar="TEXT", help="for the ledger and the admins")

    def handle(self, *, path: str, reason: str, **_: Any) -> None:
        done = suspend(whom(path), reason=reason, actor="manage.py suspend")
        self.stdout.write(f"{path} is {'now' if done else 'already'} suspended.")
