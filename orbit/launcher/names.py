"""The pool of workers that find names, where an installation wants one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dlp.names import files
from orbit.launcher.state import LauncherError

# What the kernel takes for a unix socket's path, less the zero at its end; macOS has 103.
_LONGEST_PATH = 103


@dataclass(frozen=True)
class NamesPool:
    """Without workers there is none."""

    workers: int
    queue: int
    socket: Path

    def check(self) -> None:
        """LauncherError says what to do."""
        if len(str(self.socket).encode()) > _LONGEST_PATH:
            raise LauncherError(
                f"{self.socket} is too long for a unix socket. Set ORBIT_NAMES_SOCKET to a path of at most {_LONGEST_PATH} bytes."
            )
        fault = files.fault(files.folder())
        if fault is not None:
            raise LauncherError(f"{fault} Or set ORBIT_NAMES_WORKERS to 0.")

    def arguments(self) -> tuple[str, ...]:
        return (
            "-m", "dlp.names.pool", "--socket", str(self.socket), "--workers", str(self.workers), "--queue", str(self.queue),
        )  # fmt: skip
