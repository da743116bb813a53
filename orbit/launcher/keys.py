"""The installation's three secrets: made for the demo, demanded everywhere else."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from orbit.launcher.state import LauncherError, write_private

NAMES = ("ORBIT_SECRET_KEY", "ORBIT_KEY_PEPPER", "ORBIT_MASTER_KEY")
_FILE = "secrets.json"
_MAKE = "python3 -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())'"


def demanded(environ: Mapping[str, str]) -> dict[str, str]:
    missing = [name for name in NAMES if not environ.get(name)]
    if missing:
        raise LauncherError(
            f"Not set: {', '.join(missing)}. Outside the demo each must be in the environment, "
            f"the same on every start. Make one with:\n  {_MAKE}\n"
            "Keep them safe: without ORBIT_MASTER_KEY the stored provider credentials cannot be "
            "opened, without ORBIT_KEY_PEPPER no issued key works."
        )
    return {name: environ[name] for name in NAMES}


def are_kept(directory: Path) -> bool:
    return (directory / _FILE).exists()


def keep(directory: Path, secrets: Mapping[str, str]) -> None:
    """For `of_demo` to find, where an installation came from a backup."""
    write_private(directory / _FILE, json.dumps({name: secrets[name] for name in NAMES}, indent=1))


def of_demo(directory: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Made once and kept beside the data that they protect; a given one is taken as it is."""
    path = directory / _FILE
    try:
        kept = dict(json.loads(path.read_text()))
    except FileNotFoundError:
        kept = {name: base64.b64encode(secrets.token_bytes(32)).decode() for name in NAMES}
        write_private(path, json.dumps(kept, indent=1))
    return {name: environ.get(name) or kept[name] for name in NAMES}
