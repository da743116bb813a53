"""The folder where processes leave what they counted, so that whichever is asked can tell of all.

Of each process there is `<name>.lock`, locked while it lives, and `<name>.json`. What a process counted outlives it in
`gone.json`: a counter never falls while anybody of the installation runs. Whoever comes when nobody does begins at nothing.
"""

from __future__ import annotations

import fcntl
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from orbit.lib.metrics.book import Book, Sums, added
from orbit.lib.metrics.family import Family, Series

GONE, GATE, NAMES = "gone.json", "gate", "names"


@dataclass(frozen=True, slots=True)
class Living:
    """A process whose counts are there. `kind` is web or task."""

    kind: str
    age_s: float


class Shelf:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def names(self) -> Path:
        return self.folder / NAMES

    def enter(self, kind: str) -> Place:
        """A process's own place, until it closes it or dies."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._alone():
            if not any(_is_held(lock) for lock in self.folder.glob("*.lock")):
                for left in self.folder.iterdir():
                    if left.name != GATE:
                        left.unlink()
            name = f"{kind}-{uuid.uuid4().hex}"
            lock = (self.folder / f"{name}.lock").open("w")
            fcntl.flock(lock, fcntl.LOCK_EX)
        return Place(self.folder / f"{name}.json", kind, lock)

    def read(self, families: Mapping[str, Family]) -> tuple[Series, list[Living]]:
        """What all counted of these families together, and who lives. Files of the dead are folded into one, whole."""
        series: Series = {}
        living: list[Living] = []
        if not self.folder.exists():
            return series, living
        with self._alone():
            gone = Sums()
            gone.add(_told(self.folder / GONE).get("series", {}))
            dead = []
            for lock in sorted(self.folder.glob("*.lock")):
                path = lock.with_suffix(".json")
                told = _told(path)
                if _is_held(lock):
                    added(families, series, told.get("series", {}), lasting=False)
                    if told:
                        living.append(Living(told["kind"], max(0.0, time.time() - told["at"])))
                else:
                    gone.add(told.get("series", {}))
                    dead.append((path, lock))
            if dead:
                _write(self.folder / GONE, {"series": gone.as_json()})
                for path, lock in dead:
                    path.unlink(missing_ok=True)
                    lock.unlink()
        added(families, series, gone.as_json(), lasting=True)
        return series, living

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.folder / GATE).open("w") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield


class Place:
    def __init__(self, path: Path, kind: str, lock: IO[str]) -> None:
        self.path, self.kind, self._lock = path, kind, lock

    def content(self, book: Book) -> bytes:
        """What `put` writes; made by the thread that counts."""
        told = {"kind": self.kind, "at": time.time(), "series": book.as_json()}
        return orjson.dumps(told)

    def put(self, content: bytes) -> None:
        """May run in any thread. Nothing happens where the folder was taken away."""
        with suppress(FileNotFoundError):
            _replace(self.path, content)

    def close(self) -> None:
        self._lock.close()


def _is_held(lock: Path) -> bool:
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _told(path: Path) -> dict[str, Any]:
    try:
        found = orjson.loads(path.read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, content: Any) -> None:
    _replace(path, orjson.dumps(content))


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.write_bytes(content)
    draft.replace(path)
