"""The set-up script, with a package installer that only notes that it was called."""

from __future__ import annotations

import ast
import site
import subprocess
import sys
from pathlib import Path

import pytest

from orbit.launcher import bootstrap
from orbit.launcher.bootstrap import Setup, SetupError


class Noted(Setup):
    installs = 0

    def install_packages(self, uv: str | None) -> None:
        self.installs += 1


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "requirements").mkdir()
    for name in ("base", "dev", "names"):
        (tmp_path / "requirements" / f"{name}.txt").write_text(f"{name}==1\n")
    return tmp_path


@pytest.fixture(autouse=True)
def quick_venv(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without pip takes a moment instead of seconds."""

    def make(self: Setup, uv: str | None, base: str) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", self.venv], check=True)

    monkeypatch.setattr(Setup, "make_venv", make)


def _installs(project: Path, kind: str = "run") -> int:
    setup = Noted(project, kind)
    if not setup.is_complete():
        setup.install()
    return setup.installs


def test_complete_set_up_is_not_done_again(project: Path) -> None:
    assert [_installs(project), _installs(project)] == [1, 0]


def test_half_finished_set_up_heals(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: Setup, uv: str | None) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Noted, "install_packages", interrupted)
        with pytest.raises(KeyboardInterrupt):
            _installs(project)
    assert [_installs(project), _installs(project)] == [1, 0]


def test_environment_without_its_python_is_made_again(project: Path) -> None:
    _installs(project)
    (project / ".venv" / "bin" / "python").unlink()
    assert _installs(project) == 1
    assert (project / ".venv" / "bin" / "python").exists()


def test_changed_requirements_are_installed(project: Path) -> None:
    _installs(project)
    (project / "requirements" / "base.txt").write_text("base==2\n")
    assert _installs(project) == 1


def test_packages_for_tests_cover_running_and_not_the_reverse(project: Path) -> None:
    assert [_installs(project, "run"), _installs(project, "test"), _installs(project, "run")] == [1, 1, 0]


def test_model_is_added_to_what_is_there_and_again_after_it_was_made_anew(project: Path) -> None:
    with pytest.raises(SetupError, match="Run `make setup` first"):
        _installs(project, "names")
    assert [_installs(project, kind) for kind in ("test", "names", "names", "test", "run")] == [1, 1, 0, 0, 0]
    (project / "requirements" / "base.txt").write_text("base==2\n")
    assert [_installs(project, kind) for kind in ("test", "names", "names")] == [1, 1, 0]


def test_command_starts_this_project_wherever_it_is_called_from(tmp_path: Path) -> None:
    folder = tmp_path / "with a space and it's long" / ("x" * 120)
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python"
    python.symlink_to(sys.executable)
    bootstrap.write_command(bootstrap.PROJECT, python)
    linked = tmp_path / "orbit"
    linked.symlink_to(folder / "bin" / "orbit")
    # the copied environment is none, so packages are this one's
    answer = subprocess.run(
        [linked, "keys", "--help"],
        cwd=tmp_path,
        env={"PYTHONPATH": site.getsitepackages()[0]},
        capture_output=True,
        text=True,
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "issue a key" in answer.stdout


def test_command_is_written_again_only_when_it_changed(tmp_path: Path) -> None:
    bootstrap.write_command(tmp_path, tmp_path / "python")
    command = tmp_path / "orbit"
    first = command.stat().st_ino
    bootstrap.write_command(tmp_path, tmp_path / "python")
    assert command.stat().st_ino == first
    bootstrap.write_command(tmp_path / "moved", tmp_path / "python")
    assert str(tmp_path / "moved") in command.read_text()
    assert command.stat().st_mode & 0o777 == 0o755


def test_old_python_with_nothing_newer_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "OLDEST", (99, 0))
    monkeypatch.setattr(bootstrap, "CANDIDATES", ())
    with pytest.raises(SetupError, match=r"needs Python 3\.11 or newer"):
        bootstrap.find_python(None)
    assert bootstrap.find_python("uv") == "3.13"


def test_missing_venv_module_names_debians_package(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([(1, "No module named ensurepip"), (0, "3.11\n")])
    monkeypatch.setattr(bootstrap, "run", lambda command: next(answers))
    assert "apt-get install python3.11-venv" in bootstrap.venv_advice("python3", "")


def test_script_reads_on_old_pythons_and_needs_nothing_installed() -> None:
    source = Path(bootstrap.__file__).read_text()
    tree = ast.parse(source, feature_version=(3, 7))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names
