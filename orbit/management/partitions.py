"""`manage.py ledger partitions`: what the ledger is made of, and when each part goes."""

from __future__ import annotations

import argparse
import json
from typing import Any

from django.core.management.base import BaseCommand

from audit import retention
from audit.retention import Leaf
from orbit.lib import access
from orbit.lib.clock import rfc3339

MIB = 2**20


def add_arguments(actions: Any) -> None:
    parser: argparse.ArgumentParser = actions.add_parser(
        "partitions", help="months of each retention class: about how many rows, how large, dropped when"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    with access.ledger():
        found = retention.leaves()
    if not options["json"]:
        command.stdout.write(f"{'month':9}{'days':>10}{'rows, about':>14}{'MiB':>9}  dropped from")
    for leaf, rows, size in found:
        told = _told(leaf, rows, size)
        command.stdout.write(json.dumps(told) if options["json"] else _line(told))


def _told(leaf: Leaf, rows: int, size: int) -> dict[str, Any]:
    return {
        "table": leaf.table,
        "month": f"{leaf.month:%Y-%m}",
        "retention_days": leaf.days or None,
        "rows": rows,
        "bytes": size,
        "drops_at": rfc3339(leaf.drops_at) if leaf.drops_at else None,
    }


def _line(told: dict[str, Any]) -> str:
    days = told["retention_days"] or "unlimited"
    drops = told["drops_at"][:16].replace("T", " ") + " UTC" if told["drops_at"] else "never"
    return f"{told['month']:9}{days:>10}{told['rows']:>14,}{told['bytes'] / MIB:>9.1f}  {drops}"
