"""`manage.py endpoints`: the table of the management API, as docs/api.md holds it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from tenants.api.description import table


class Command(BaseCommand):
    help = "Prints every path of the management API with its methods and their scopes."
    requires_system_checks: list[str] = []

    def handle(self, **options: Any) -> None:
        self.stdout.write(table())
