from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from console import operators
from tenants import rights


class Command(BaseCommand):
    help = "Prints what members' and operators' roles may do (docs/permissions.md)."

    def handle(self, **_: Any) -> None:
        tables = (rights.table(), operators.table(), rights.operator_table(), rights.preset_table())
        self.stdout.write("\n\n".join(tables))
