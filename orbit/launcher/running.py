"""How other commands find the installation that runs on this machine.

`manage.py up` writes what it runs with to a private file; settings read it before anything
else, so `manage.py usage` in a second terminal needs no variables.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from orbit.launcher import state

_FILE = "run.json"
_ADDRESSES = ("DATABASE_URL", "REDIS_URL")


def data_dir(project: Path = state.PROJECT) -> Path:
    return state.data_dir(os.environ, project)


def environment(directory: Path) -> dict[str, str]:
    """The variables of the installation running here; empty when none runs.

    Also empty when this command was pointed at another database or store: half of the one
    and half of the other would be worse than a missing variable.
    """
    recorded = _recorded(directory)
    for name in _ADDRESSES:
        given = os.environ.get(name)
        if given and given != recorded.get(name):
            return {}
    return recorded


@contextlib.contextmanager
def published(directory: Path, variables: Mapping[str, str]) -> Iterator[None]:
    """For as long as the block runs. What a killed launcher leaves is ignored: its lock is free."""
    path = directory / _FILE
    state.write_private(path, json.dumps(dict(variables), indent=1))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _recorded(directory: Path) -> dict[str, str]:
    if not state.is_running(directory):
        return {}
    try:
        recorded = json.loads((directory / _FILE).read_text())
    except (FileNotFoundError, PermissionError, json.JSONDecodeError):  # not up yet, or not ours
        return {}
    return {str(name): str(value) for name, value in recorded.items()}
