"""Backup and restore by command where nothing runs: embedded servers live for as long as the command does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orbit.launcher import embedded, keys, state

pytestmark = pytest.mark.full


@pytest.fixture
def parent() -> Iterator[Path]:
    """A folder that the servers' user can reach, which pytest's own is not for root."""
    made = Path(tempfile.mkdtemp(prefix="orbit-backup-", dir="/var/tmp" if state.is_root() else None))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def _run(directory: Path, *argv: str, **more: str) -> str:
    """In an environment without addresses and secrets, as that of a demo."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ORBIT_") and name not in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")}  # fmt: skip
    environment = {
        **kept,
        "ORBIT_DATA_DIR": str(directory),
        "DJANGO_SETTINGS_MODULE": "orbit.settings.dev",
        **more,
    }
    done = subprocess.run(argv, cwd=state.PROJECT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_demo_moves_to_another_folder_with_its_keys(parent: Path) -> None:
    old, new = state.make_data_dir(parent / "old"), parent / "new"
    secrets = keys.of_demo(old, {})
    with embedded.running(old, {}, durable=True) as servers:
        _run(
            old,
            sys.executable,
            "-m",
            "orbit.launcher.prepare",
            **servers.environment,
            **secrets,
            ORBIT_DB_ROLE="owner",
        )
        _run(
            old,
            sys.executable,
            "manage.py",
            "seed_demo",
            **servers.environment,
            **secrets,
            ORBIT_PRIVATE_TARGETS="127.0.0.1:8090",
        )
    said = _run(old, sys.executable, "manage.py", "backup", "--to", str(parent / "copy"))
    assert "1 organizations" in said
    arguments = ("--from", str(parent / "copy"), "--keys", str(parent / "copy.keys"))
    assert "1 organizations" in _run(new, sys.executable, "manage.py", "restore", *arguments)
    assert keys.of_demo(new, {}) == secrets
