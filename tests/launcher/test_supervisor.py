"""With children that do nothing, so that only the supervision is looked at."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path

from tests.launcher.conftest import Run, eventually, kill, lives

# A child with a child of its own, as a Celery worker has; both tell their pid.
_FAMILY = """
import os, subprocess, sys, time
inner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("INFO pids", os.getpid(), inner.pid, flush=True)
time.sleep(60)
"""
_STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("INFO pids", os.getpid(), flush=True)
time.sleep(60)
"""


def _supervise(
    run_script: Run, logs: Path, children: dict[str, str], aside: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    return run_script(f"""
        import json, os, pathlib, sys
        from orbit.launcher import state
        from orbit.launcher.processes import Command
        from orbit.launcher.supervisor import StopAsked, Supervisor
        from orbit.launcher.terminal import LogBook, Terminal

        logs = pathlib.Path({str(logs)!r})
        terminal = Terminal()
        instance = state.only_instance(logs)
        lock = instance.__enter__()
        supervisor = Supervisor(LogBook(logs, terminal), terminal, lock)
        supervisor.catch_signals()
        for stage, (name, code) in enumerate(json.loads({json.dumps(children)!r}).items()):
            argv = (sys.executable, "-c", code)
            ready = logs / f"{{name}}.ready" if name.startswith("web") else None
            command = Command(name, argv, dict(os.environ), logs, ready=ready)
            supervisor.start(command, stage=stage)
        for name, code in json.loads({json.dumps(aside or {})!r}).items():
            argv = (sys.executable, "-c", code)
            supervisor.begin(Command(name, argv, dict(os.environ), pathlib.Path("/")), stage=0)
        try:
            supervisor.watch()
        except StopAsked:
            supervisor.stop()
    """)


def _pids(logs: Path, name: str) -> list[list[int]]:
    """Of every incarnation of the child."""
    log = logs / "orbit.log"
    text = log.read_text() if log.exists() else ""
    found = re.findall(rf"{name} +\| INFO pids ([\d ]+)", text)
    return [[int(pid) for pid in line.split()] for line in found]


def _any_lives(*families: list[int]) -> bool:
    return any(lives(pid) for family in families for pid in family)


def test_killed_child_comes_back_and_its_own_children_do_not_stay(run_script: Run, tmp_path: Path) -> None:
    supervisor = _supervise(run_script, tmp_path, {"one": _FAMILY})
    eventually(lambda: len(_pids(tmp_path, "one")) == 1)
    first = _pids(tmp_path, "one")[0]
    kill(first[0])
    eventually(lambda: len(_pids(tmp_path, "one")) == 2)
    assert not _any_lives(first)
    supervisor.terminate()
    said, _ = supervisor.communicate(timeout=10)
    assert "one was ended by SIGKILL; starts again" in said


def test_stop_leaves_no_process(run_script: Run, tmp_path: Path) -> None:
    supervisor = _supervise(run_script, tmp_path, {"one": _FAMILY, "two": _FAMILY})
    eventually(lambda: bool(_pids(tmp_path, "one") and _pids(tmp_path, "two")))
    supervisor.terminate()
    assert supervisor.wait(10) == 0
    assert not _any_lives(*_pids(tmp_path, "one"), *_pids(tmp_path, "two"))


def test_killed_supervisor_leaves_no_process(run_script: Run, tmp_path: Path) -> None:
    supervisor = _supervise(run_script, tmp_path, {"one": _FAMILY})
    eventually(lambda: len(_pids(tmp_path, "one")) == 1)
    kill(supervisor.pid)
    eventually(lambda: not _any_lives(*_pids(tmp_path, "one")))


def test_what_runs_aside_runs_once_and_only_its_failure_is_told(run_script: Run, tmp_path: Path) -> None:
    done, fails = tmp_path / "done", "import sys; print('ERROR it broke', file=sys.stderr); sys.exit(3)"
    counts = f"open({str(done)!r}, 'a').write('x')"
    supervisor = _supervise(run_script, tmp_path, {"one": _FAMILY}, {"counts": counts, "fails": fails})
    log = tmp_path / "orbit.log"
    eventually(lambda: log.exists() and "fails ended with code 3." in log.read_text() and done.exists())
    supervisor.terminate()
    said, _ = supervisor.communicate(timeout=10)
    assert "fails | ERROR it broke" in said
    assert "counts" not in said
    assert done.read_text() == "x"
    assert not _any_lives(*_pids(tmp_path, "one"))


def test_second_ctrl_c_kills_what_does_not_stop(run_script: Run, tmp_path: Path) -> None:
    supervisor = _supervise(run_script, tmp_path, {"one": _STUBBORN})
    eventually(lambda: len(_pids(tmp_path, "one")) == 1)
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.stdout is not None
    eventually(lambda: _any_lives(*_pids(tmp_path, "one")))
    supervisor.send_signal(signal.SIGINT)
    said, _ = supervisor.communicate(timeout=5)
    assert "one did not stop in time and was killed." in said
    assert not _any_lives(*_pids(tmp_path, "one"))


def test_warnings_with_their_traceback_reach_the_terminal_and_the_rest_the_file(
    run_script: Run, tmp_path: Path
) -> None:
    child = "\n".join(
        f"print({line!r}, flush=True)"
        for line in (
            "INFO dull",
            "ERROR it broke",
            "Traceback (most recent call last):",
            "  here",
            "INFO dull again",
        )
    )
    supervisor = _supervise(run_script, tmp_path, {"one": f"{child}\nimport time; time.sleep(60)"})
    log = tmp_path / "orbit.log"
    eventually(lambda: log.exists() and "dull again" in log.read_text())
    supervisor.terminate()
    said, _ = supervisor.communicate(timeout=10)
    assert "one | ERROR it broke\none | Traceback (most recent call last):\none |   here\n" in said
    assert "dull" not in said


_SERVING = """
import os, pathlib, sys, time
print("INFO pids", os.getpid(), flush=True)
if pathlib.Path("broken").exists():
    sys.exit("this release is broken")
pathlib.Path("web.ready").write_text(str(os.getpid()))
time.sleep(60)
"""


def test_renewal_starts_a_successor_before_the_old_one_is_stopped(run_script: Run, directory: Path) -> None:
    launcher = _supervise(run_script, directory, {"web": _SERVING, "task": _FAMILY})
    eventually(lambda: bool(_pids(directory, "web")) and bool(_pids(directory, "task")))
    launcher.send_signal(signal.SIGUSR2)
    eventually(lambda: "All processes were renewed" in (directory / "orbit.log").read_text(), within_s=30)
    eventually(lambda: len(_pids(directory, "web")) == 2 and len(_pids(directory, "task")) == 2)
    assert [lives(pids[0]) for pids in _pids(directory, "web")] == [False, True]
    assert [lives(pids[0]) for pids in _pids(directory, "task")] == [False, True]


def test_renewal_by_what_does_not_start_leaves_the_old_ones(run_script: Run, directory: Path) -> None:
    launcher = _supervise(run_script, directory, {"web": _SERVING, "task": _FAMILY})
    eventually(lambda: bool(_pids(directory, "web")) and bool(_pids(directory, "task")))
    (directory / "broken").touch()
    launcher.send_signal(signal.SIGUSR2)
    eventually(lambda: "this release is broken" in (directory / "orbit.log").read_text(), within_s=30)
    eventually(lambda: "the old processes go on" in (directory / "orbit.log").read_text())
    assert lives(_pids(directory, "web")[0][0])
    assert len(_pids(directory, "task")) == 1
