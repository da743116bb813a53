from __future__ import annotations

from typing import Any

from orbit.demo.history import write
from tenants.management.cli import OperatorCommand


class Command(OperatorCommand):
    help = (
        "Gives the demo organization a past of 60 days and colleagues, once. `manage.py up --demo` does it."
    )

    def handle(self, **_: Any) -> None:
        written = write()
        self.stdout.write(f"{written:,} events written." if written else "Nothing to do.")
