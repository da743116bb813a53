"""What other commands learn of a running installation."""

from __future__ import annotations

from pathlib import Path

import pytest

from orbit.launcher import running, state

_RUNS_WITH = {
    "DATABASE_URL": "postgresql://here/orbit",
    "REDIS_URL": "redis://here",
    "ORBIT_BIND": "127.0.0.1:1",
}


@pytest.fixture(autouse=True)
def no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.delenv("REDIS_URL")


def test_commands_find_what_runs_and_nothing_after_it_stopped(directory: Path) -> None:
    with state.only_instance(directory), running.published(directory, _RUNS_WITH):
        assert running.environment(directory) == _RUNS_WITH
        assert (directory / "run.json").stat().st_mode & 0o777 == 0o600
    assert running.environment(directory) == {}
    assert not (directory / "run.json").exists()


def test_what_a_killed_launcher_left_is_ignored(directory: Path) -> None:
    with state.only_instance(directory):
        pass
    with running.published(directory, _RUNS_WITH):
        assert running.environment(directory) == {}


def test_two_installations_are_never_mixed(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with state.only_instance(directory), running.published(directory, _RUNS_WITH):
        monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/orbit")
        assert running.environment(directory) == {}
        monkeypatch.setenv("DATABASE_URL", _RUNS_WITH["DATABASE_URL"])
        assert running.environment(directory) == _RUNS_WITH
