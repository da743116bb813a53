"""Where an installation keeps its files, and how it writes the private ones."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

# Longer than a tether takes to clean up after a killed launcher.
_LOCK_WAIT_S = 4.0

PROJECT = Path(__file__).resolve().parents[2]


class LauncherError(RuntimeError):
    """The installation cannot be started; the message says what to do."""


def is_root() -> bool:
    return os.geteuid() == 0


def data_dir(environ: Mapping[str, str], project: Path = PROJECT) -> Path:
    """The folder of the embedded servers' files, logs and journals; it need not exist yet.

    Postgres refuses to run as root, so its files then must be where another user can
    reach them: not below a home folder of mode 0700.
    """
    chosen = environ.get("ORBIT_DATA_DIR", "").strip()
    if chosen:
        return Path(chosen).expanduser().absolute()
    if is_root():
        name = f"orbit-{hashlib.sha256(str(project).encode()).hexdigest()[:12]}"
        return Path("/var/tmp", name)  # noqa: S108 - `make_data_dir` looks whose it is
    return project / ".orbit"


def make_data_dir(path: Path) -> Path:
    """Root's folder lets others pass through but not list; anyone else's is private."""
    mode = 0o711 if is_root() else 0o700
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    found = path.lstat()
    # /var/tmp is writable by all: someone else may have put a folder or a link there.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise LauncherError(f"{path} belongs to another user. Remove it or set ORBIT_DATA_DIR.")
    path.chmod(mode)
    return path


def write_private(path: Path, text: str) -> None:
    """Replaces the file in one step; nobody else can read it at any moment."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)


@contextlib.contextmanager
def only_instance(directory: Path, wait_s: float = _LOCK_WAIT_S) -> Iterator[int]:
    """Holds the installation's lock, whose descriptor is yielded.

    The kernel drops it when this process ends, and the tether, which shares it (`processes.py`).
    """
    with open(directory / "lock", "w") as lock:
        deadline = time.monotonic() + wait_s
        while not _take(lock.fileno(), fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise LauncherError(
                    f"Orbit Gateway is already running with the data in {directory}. "
                    "Stop it first, or set ORBIT_DATA_DIR to another folder."
                )
            time.sleep(0.05)
        yield lock.fileno()


def is_running(directory: Path) -> bool:
    try:
        with open(directory / "lock") as lock:
            return not _take(lock.fileno(), fcntl.LOCK_SH)
    except (FileNotFoundError, PermissionError):
        return False


def _take(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
