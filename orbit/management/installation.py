"""Commands on a whole installation, which may be stopped: its embedded servers then run for as long as the command does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError

from orbit.launcher import embedded, keys, state
from orbit.launcher.state import LauncherError
from orbit.startup import SECRETS
from tenants.management.cli import UNREACHABLE


def with_servers(directory: Path, argv: list[str], secrets: Mapping[str, str]) -> int:
    """Runs `manage.py` with these arguments on the embedded servers of `directory`; its exit code."""
    try:
        state.make_data_dir(directory)
        with embedded.running(directory, os.environ, durable=True) as servers:
            environment = {**os.environ, **secrets, **servers.environment, "ORBIT_DATA_DIR": str(directory)}
            return subprocess.run(
                [sys.executable, "manage.py", *argv], cwd=state.PROJECT, env=environment
            ).returncode
    except LauncherError as error:
        raise CommandError(str(error), returncode=UNREACHABLE) from None


def given_secrets() -> dict[str, str]:
    """Those that this process was started with, by the names of their variables."""
    return {variable: value for variable, name in SECRETS.items() if (value := _setting(name))}


def _setting(name: str) -> str:
    try:
        return str(getattr(settings, name))
    except ImproperlyConfigured:  # Django's own word for an empty SECRET_KEY
        return ""


def secrets_of(directory: Path) -> dict[str, str]:
    """The secrets that a stopped demo keeps beside its data; none elsewhere."""
    return keys.of_demo(directory, os.environ) if keys.are_kept(directory) else {}
