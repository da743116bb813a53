from __future__ import annotations

import argparse
import shutil
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from orbit.launcher import state
from orbit.launcher.state import LauncherError
from orbit.launcher.terminal import ask


class Command(BaseCommand):
    help = "Throws away the embedded servers' data, the demo's secrets and the logs of this project."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *, yes: bool, **_: Any) -> None:
        directory = settings.ORBIT_DATA_DIR
        if not directory.exists():
            self.stdout.write(f"Nothing to throw away: there is no {directory}.")
            return
        if not (directory / "lock").exists():
            raise CommandError(
                f"{directory} was not made by Orbit Gateway; nothing was removed.", returncode=2
            )
        if not yes and ask(f"Throw away all data in {directory}? [y/N]").lower() not in {"y", "yes"}:
            self.stdout.write("Nothing was removed.")
            return
        try:
            with state.only_instance(directory, wait_s=0.5):
                shutil.rmtree(directory)
        except LauncherError as error:
            raise CommandError(str(error), returncode=2) from None
        self.stdout.write(f"Removed {directory}.")
