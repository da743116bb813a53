from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from orbit.launcher import state


@pytest.fixture
def data(directory: Path, settings: Settings) -> Path:
    """What a run leaves."""
    settings.ORBIT_DATA_DIR = directory
    with state.only_instance(directory):
        (directory / "secrets.json").write_text("{}")
    return directory


def test_reset_throws_the_data_away(data: Path) -> None:
    call_command("reset_demo", yes=True)
    assert not data.exists()


def test_reset_asks_first(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orbit.management.commands.reset_demo.ask", lambda question: "")
    call_command("reset_demo")
    assert data.exists()


def test_reset_is_refused_while_running(data: Path) -> None:
    with state.only_instance(data), pytest.raises(CommandError, match="already running"):
        call_command("reset_demo", yes=True)
    assert (data / "secrets.json").exists()


def test_reset_leaves_a_folder_that_is_not_ours(data: Path) -> None:
    (data / "lock").unlink()
    with pytest.raises(CommandError, match="not made by Orbit Gateway"):
        call_command("reset_demo", yes=True)
    assert data.exists()
