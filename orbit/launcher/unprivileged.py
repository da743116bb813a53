"""The user that embedded servers run as when we are root, and what that user can reach."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import stat
from pathlib import Path

from orbit.launcher.processes import UnixUser
from orbit.launcher.state import LauncherError, is_root


def user() -> UnixUser | None:
    """Nobody else when we are not root: then the servers run as ourselves."""
    if not is_root():
        return None
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return UnixUser(uid=found.pw_uid, gid=found.pw_gid)
    raise LauncherError(
        "Postgres does not run as root and this system has neither a user 'postgres' nor 'nobody'. "
        "Set DATABASE_URL and REDIS_URL, or start as an ordinary user."
    )


def give(path: Path, owner: UnixUser | None) -> None:
    if owner is None:
        return
    try:
        os.chown(path, owner.uid, owner.gid)
    except OSError as error:  # a rootless container that maps only uid 0
        raise LauncherError(
            f"This root may not hand files to another user ({error.strerror}), and Postgres does not "
            "run as root. Set DATABASE_URL and REDIS_URL to servers of your own."
        ) from None


def make_private_dir(path: Path, owner: UnixUser | None) -> None:
    path.mkdir(mode=0o700, exist_ok=True)
    give(path, owner)
    if owner is not None and not _others_can_pass(path.parent):
        raise LauncherError(
            f"Other users cannot reach {path.parent}, and as root the embedded servers run as another "
            "user. Set ORBIT_DATA_DIR to a folder outside a private home."
        )


def reachable_package(name: str, directory: Path) -> Path:
    """The installed package's folder, or a copy where the servers' user can get at it."""
    spec = importlib.util.find_spec(name)  # finds it without importing it
    if spec is None or spec.origin is None:
        raise LauncherError(
            f"The package {name} is not installed: run `make setup`, or set DATABASE_URL and REDIS_URL."
        )
    package = Path(spec.origin).parent
    if not is_root() or _others_can_pass(package):
        return package
    return _copied(package, directory)


def _copied(package: Path, directory: Path) -> Path:
    """Its shared libraries come along: the binaries find them by a relative path (`auditwheel`)."""
    version = int(package.stat().st_mtime)
    target = directory / f"{package.name}-{version}"
    if not target.exists():
        half_made = directory / f"{package.name}-{version}.{os.getpid()}"
        half_made.mkdir(mode=0o755)
        half_made.chmod(0o755)  # whatever the umask
        for part in (package, package.with_name(f"{package.name}.libs")):
            if part.is_dir():
                shutil.copytree(part, half_made / part.name, symlinks=True)
        half_made.rename(target)
    return target / package.name


def _others_can_pass(path: Path) -> bool:
    resolved = path.resolve()
    return all(step.stat().st_mode & stat.S_IXOTH for step in (resolved, *resolved.parents))
