"""The units in deploy/systemd: systemd's own checks where it is installed, and what they must say in any case."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from orbit.launcher.state import PROJECT

UNITS = sorted((PROJECT / "deploy/systemd").glob("*.service"))
EXPOSURE = 2.0  # as `systemd-analyze security` reckons it: 10 is everything, 0 nothing


class _Unit(configparser.RawConfigParser):
    """A name may come several times; the values are lines then."""

    def __init__(self, path: Path) -> None:
        super().__init__(strict=False, delimiters=("=",), comment_prefixes=("#",), interpolation=None)
        self.optionxform = str  # type: ignore[assignment, method-assign]
        lines, seen = [], dict[str, int]()
        for line in path.read_text().splitlines():
            name, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                seen[name] = seen.get(name, 0) + 1
                line = f"{name}{'' if seen[name] == 1 else f'.{seen[name]}'}={value}"
            lines.append(line)
        self.read_string("\n".join(lines))


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_unit_runs_as_nobody_special_with_what_the_project_has(path: Path) -> None:
    service = _Unit(path)["Service"]
    assert (service["User"], service["NoNewPrivileges"], service["ProtectSystem"]) == (
        "orbit",
        "yes",
        "strict",
    )
    assert service["CapabilityBoundingSet"] == ""
    assert service["EnvironmentFile"] == "/etc/orbit/orbit.env"
    for name, command in service.items():
        if name.startswith("ExecStart"):
            program, *words = command.split()
            assert program == f"{service['WorkingDirectory']}/.venv/bin/python"
            assert _is_ours(words), command


def _is_ours(words: list[str]) -> bool:
    if words[0] != "manage.py":
        return words[:4] == ["-m", "celery", "-A", "orbit.celery"]
    command = f"management/commands/{words[1]}.py"
    return words[1] == "migrate" or any((PROJECT / app / command).exists() for app in ("orbit", "tenants"))


def test_web_workers_have_time_for_their_streams() -> None:
    service = _Unit(PROJECT / "deploy/systemd/orbit-web.service")["Service"]
    assert int(service["TimeoutStopSec"]) >= 30 + 18  # ORBIT_DRAIN_S, and what the launcher adds
    assert service["KillMode"] == "mixed"  # the launcher stops its own in order


def test_systemd_has_nothing_against_them(tmp_path: Path) -> None:
    """In copies, with a program that is there in place of the one that would be installed."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:  # the other tests have read them
        return
    copies = []
    for path in (*UNITS, PROJECT / "deploy/systemd/orbit.target"):
        copies.append(tmp_path / path.name)
        copies[-1].write_text(path.read_text().replace("/opt/orbit/.venv/bin/python", "/bin/true"))
    done = subprocess.run([analyze, "verify", *map(str, copies)], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_unit_is_little_exposed(path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return
    argv = [analyze, "security", "--offline=true", f"--threshold={int(EXPOSURE * 10)}", str(path)]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-300:]
