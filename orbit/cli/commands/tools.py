"""What helps around the API: importing, completion."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from orbit.cli.command import AnyCommand, Option, Special
from orbit.cli.failures import Exit, Failure
from orbit.cli.session import Session

PROJECT = Path(__file__).resolve().parents[3]


def import_litellm(session: Session, given: dict[str, Any]) -> int:
    return _import("litellm", given["config"], "--organization", given.get("slug", "imported"))


def import_tenants(session: Session, given: dict[str, Any]) -> int:
    return _import("tenants", given["file"])


def _import(*arguments: str) -> int:
    """`manage.py import` itself: it asks no gateway, and takes Django's time to start, which no other command does."""
    manage = PROJECT / "manage.py"
    if not manage.exists():
        raise Failure(
            "importing takes a checkout of the gateway",
            "Run it where `make setup` was run.",
            Exit.UNREACHABLE,
        )
    return subprocess.call([sys.executable, str(manage), "import", *arguments])


COMMANDS: tuple[AnyCommand, ...] = (
    Special(
        "import litellm", "a configuration of LiteLLM's proxy into a file for apply", import_litellm, ("config",),
        (Option("slug", "of the organization that it becomes; left out: imported"),),
    ),
    Special("import tenants", "a plain list of tenants into a file for apply", import_tenants, ("file",)),
)  # fmt: skip
