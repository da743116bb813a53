"""What a backup says of itself, and how it lies on the disk: a folder, or the same as one tar file.

manifest.json   this module's Manifest, with a SHA-256 of each other file
database.dump   pg_dump's custom format
checkpoints/    the signed checkpoints up to the dump's own
sinks.yaml      where the ledger goes besides, if the installation has such a file
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from orbit.backup.failures import CannotBackUp
from orbit.launcher.state import PROJECT, write_private

FORMAT = 1
MANIFEST, DATABASE, CHECKPOINTS, SINKS = "manifest.json", "database.dump", "checkpoints", "sinks.yaml"
TAR = ".tar"


@dataclass(frozen=True)
class Manifest:
    made_at: str  # RFC 3339
    version: str  # of the gateway
    server_major: int
    migrations: list[str]  # app.name
    heads: dict[str, list[Any]]  # organization's id: sequence and hash of its chain's end
    organizations: int
    events: int
    functions: dict[str, str]  # which of our roles owns a function, whatever the schema's owner is called
    checkpoint: int  # number of the last one, 0 for none
    salt: str
    fingerprints: dict[str, list[str]]  # of the secrets, by name
    checkpoint_key: str  # public half, "" without checkpoints
    files: dict[str, str]  # SHA-256 by path
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        write_private(folder / MANIFEST, json.dumps(asdict(self), indent=1))


def read(folder: Path) -> Manifest:
    """CannotBackUp when it is no backup, one of a newer format, or not as it was written."""
    try:
        told = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        raise CannotBackUp(f"This is no backup: it has no {MANIFEST} that can be read.") from None
    if told.get("format") != FORMAT:
        raise CannotBackUp(
            f"The backup has format {told.get('format')} and this version reads {FORMAT}. Restore it with the version "
            f"that made it ({told.get('version')}), then upgrade."
        )
    manifest = Manifest(**told)
    changed = [name for name, digest in manifest.files.items() if _digest(folder / name) != digest]
    if changed:
        raise CannotBackUp(
            f"The backup is damaged: {', '.join(changed)} is not what was written. Take another one."
        )
    return manifest


def version() -> str:
    """The gateway's own."""
    return str(tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"])


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): _digest(path) for path in sorted(folder.rglob("*")) if path.is_file()
    }


@contextmanager
def made(target: Path) -> Iterator[Path]:
    """An empty private folder, which becomes `target` (with .tar: one file) when the block ends well."""
    if target.exists():
        raise CannotBackUp(f"{target} exists. Name a new file or folder for each backup.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as temporary:
        folder = Path(temporary, "backup")
        folder.mkdir(mode=0o700)
        yield folder
        if target.suffix == TAR:
            _pack(folder, Path(temporary, "packed"))
            Path(temporary, "packed").rename(target)
        else:
            folder.rename(target)


@contextmanager
def opened(source: Path) -> Iterator[Path]:
    """The backup's folder, for as long as the block runs."""
    if source.is_dir():
        yield source
        return
    with TemporaryDirectory(prefix="orbit-restore-") as temporary:
        try:
            with tarfile.open(source) as packed:
                packed.extractall(temporary, filter="data")
        except (OSError, tarfile.TarError) as error:
            raise CannotBackUp(f"{source} cannot be read as a backup: {error}") from None
        yield Path(temporary)


def _pack(folder: Path, target: Path) -> None:
    target.touch(mode=0o600)
    with tarfile.open(target, "w") as packed:
        for path in sorted(folder.rglob("*")):
            packed.add(path, path.relative_to(folder), recursive=False)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
