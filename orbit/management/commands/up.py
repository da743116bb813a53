from __future__ import annotations

import argparse
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from orbit.launcher.installation import Installation, Options
from orbit.launcher.names import NamesPool
from orbit.launcher.state import LauncherError


class Command(BaseCommand):
    help = "Starts everything on this machine: stores where no URL is given, web workers, task worker, scheduler."
    requires_system_checks: list[str] = []  # there may be no database yet

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--bind", metavar="HOST:PORT", default=settings.ORBIT_BIND)
        parser.add_argument("--workers", metavar="N", type=int, default=settings.ORBIT_WORKERS)
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--demo",
            action=argparse.BooleanOptionalAction,
            default=False,
            help="with a demo provider and a demo organization; without, the first operator is asked for",
        )
        what.add_argument(
            "--web-only",
            action="store_true",
            help="web workers alone: stores, migrations, task worker and scheduler run elsewhere",
        )

    def handle(self, **given: Any) -> None:
        options = Options(
            directory=settings.ORBIT_DATA_DIR,
            bind=given["bind"],
            workers=max(1, given["workers"]),
            drain_s=settings.ORBIT_DRAIN_S,
            demo=given["demo"],
            web_only=given["web_only"],
            log_format=settings.ORBIT_LOG_FORMAT,
            provider_port=settings.ORBIT_DEMO_PROVIDER_PORT,
            names=_names() if settings.ORBIT_NAMES_WORKERS else None,
        )
        try:
            Installation(options).run()
        except LauncherError as error:
            raise CommandError(str(error), returncode=3) from None


def _names() -> NamesPool:
    return NamesPool(settings.ORBIT_NAMES_WORKERS, settings.ORBIT_NAMES_QUEUE, settings.ORBIT_NAMES_SOCKET)
