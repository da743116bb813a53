"""Children of the launcher: started so that they cannot outlive it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class UnixUser:
    uid: int
    gid: int


@dataclass(frozen=True)
class Command:
    """All that is needed to start one process, and to start it again."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 10.0
    user: UnixUser | None = None
    stdin: bytes | None = None
    pass_fds: tuple[int, ...] = ()
    ready: Path | None = None  # the process writes its id into this file when it serves
    is_store: bool = False  # a server of data: its log has clients' mistakes, too


class Tether:
    """Our end of the watcher in `tether.py`, which outlives us just long enough to clean up.

    Linux would do with PR_SET_PDEATHSIG for direct children, but not for their children
    (Celery's pool), and macOS has nothing like it.
    """

    def __init__(self, lock: int) -> None:
        self._lock = lock
        self._held: dict[int, int] = {}
        self._watcher = self._start()

    def hold(self, pid: int, asked: signal.Signals) -> None:
        self._held[pid] = int(asked)
        self._tell(f"+{pid} {int(asked)}\n")

    def release(self, pid: int) -> None:
        if self._held.pop(pid, None) is not None:
            self._tell(f"-{pid}\n")

    def close(self) -> None:
        assert self._watcher.stdin is not None
        with contextlib.suppress(OSError):
            self._watcher.stdin.close()
        self._watcher.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        script = Path(__file__).with_name("tether.py")
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            pass_fds=(self._lock,),
            start_new_session=True,
        )

    def _tell(self, line: str) -> None:
        try:
            self._write(line)
        except BrokenPipeError:  # someone killed the watcher: a new one learns all of it
            self._watcher.wait()
            self._watcher = self._start()
            self._write("".join(f"+{pid} {asked}\n" for pid, asked in self._held.items()))

    def _write(self, text: str) -> None:
        assert self._watcher.stdin is not None
        self._watcher.stdin.write(text.encode())
        self._watcher.stdin.flush()


def spawn(
    command: Command, tether: Tether, output: int | IO[bytes], errors: int = subprocess.STDOUT
) -> subprocess.Popen[bytes]:
    """Starts the command in a session of its own, so that a terminal's Ctrl-C reaches only us.

    Call it from the main thread: PR_SET_PDEATHSIG fires when the starting *thread* ends.
    """
    parent = os.getpid()

    def die_with_parent() -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(command.stop_signal))
            if os.getppid() != parent:  # it died before the line above
                os._exit(1)

    process = subprocess.Popen(
        command.argv,
        env=dict(command.env),
        cwd=command.cwd,
        stdin=subprocess.DEVNULL if command.stdin is None else subprocess.PIPE,
        stdout=output,
        stderr=errors,
        start_new_session=True,
        pass_fds=command.pass_fds,
        preexec_fn=die_with_parent,
        user=command.user.uid if command.user else None,
        group=command.user.gid if command.user else None,
        extra_groups=[] if command.user else None,
    )
    tether.hold(process.pid, command.stop_signal)
    if command.stdin is not None:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it ended at once; whoever waits sees that
            process.stdin.write(command.stdin)
            process.stdin.close()
    return process


def stop(process: subprocess.Popen[bytes], command: Command, tether: Tether) -> None:
    """Asks, waits, then kills the whole group."""
    if process.poll() is None:
        process.send_signal(command.stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(command.stop_timeout_s)
    kill_group(process)
    tether.release(process.pid)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and whatever it started. Its session made it a group's leader."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
