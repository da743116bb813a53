"""JSON lines on standard output or in a file that is rotated by size and time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

from pydantic import Field, field_validator

from audit.sinks.base import Item, ReadSecret, Sink, Unavailable
from audit.sinks.config import SinkConfig, Strict

STDOUT = "-"
_BLOCK = 65_536


class Rotation(Strict):
    """A file is closed when it has so many bytes or is so old, and so many closed ones are kept."""

    bytes: int | None = Field(default=None, ge=10_000)
    seconds: int | None = Field(default=None, ge=60)
    keep: int = Field(default=10, ge=1, le=10_000)


class LinesConfig(SinkConfig):
    kind: Literal["lines"]
    path: str
    rotate: Rotation = Rotation()
    fsync: bool = True

    @field_validator("path")
    @classmethod
    def _path(cls, given: str) -> str:
        if given != STDOUT and not Path(given).is_absolute():
            raise ValueError(
                "must be an absolute path, or - for standard output; write /var/log/orbit/events.jsonl"
            )
        return given


class Lines(Sink):
    def __init__(self, config: LinesConfig, read_secret: ReadSecret) -> None:
        self._target: Sink = _Stdout() if config.path == STDOUT else _File(config)

    def send(self, items: Sequence[Item]) -> dict[UUID, str]:
        return self._target.send(items)

    def close(self) -> None:
        self._target.close()


class _Stdout(Sink):
    """Begins with an empty line: a process that was killed may have left half a line in the pipe."""

    def __init__(self) -> None:
        self._begun = False

    def send(self, items: Sequence[Item]) -> dict[UUID, str]:
        rest = memoryview((b"" if self._begun else b"\n") + b"".join(item.text + b"\n" for item in items))
        try:
            while rest:
                rest = rest[os.write(sys.stdout.fileno(), rest) :]
        except OSError as error:
            self._begun = False
            raise Unavailable(f"standard output: {error.strerror}") from None
        self._begun = True
        return {}


class _File(Sink):
    """Appends whole batches; what half a batch a kill or a full disk left behind its last line is cut off."""

    def __init__(self, config: LinesConfig) -> None:
        self._path = Path(config.path)
        self._rotation = config.rotate
        self._fsync = config.fsync
        self._fd = -1
        self._size = 0
        self._begun_at = 0.0

    def send(self, items: Sequence[Item]) -> dict[UUID, str]:
        data = b"".join(item.text + b"\n" for item in items)
        try:
            if self._moved_away():
                self.close()
            if self._fd < 0:
                self._open()
            if self._is_full(len(data)):
                self._rotate()
            self._append(data)
        except OSError as error:
            self._cut_back()
            self.close()
            raise Unavailable(f"{self._path}: {error.strerror}") from None
        return {}

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        is_new = not self._path.exists()
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = self._heal()
        self._begun_at = time.time() if is_new or not self._size else _begun(self._fd)
        if is_new:
            _sync_folder(self._path.parent)

    def _heal(self) -> int:
        """Cuts off a last line without its end, and says how large the file is then."""
        size = end = os.fstat(self._fd).st_size
        while end:
            start = max(0, end - _BLOCK)
            found = os.pread(self._fd, end - start, start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        if end < size:
            os.ftruncate(self._fd, end)
        return end

    def _append(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._fd, rest) :]
        if self._fsync:
            os.fsync(self._fd)
        self._size += len(data)

    def _cut_back(self) -> None:
        try:
            if self._fd >= 0:
                os.ftruncate(self._fd, self._size)
        except OSError:
            pass  # the next opening heals it

    def _moved_away(self) -> bool:
        """By somebody else's rotation."""
        if self._fd < 0:
            return False
        try:
            return self._path.stat().st_ino != os.fstat(self._fd).st_ino
        except FileNotFoundError:
            return True

    def _is_full(self, more: int) -> bool:
        by_size = self._rotation.bytes is not None and self._size + more > self._rotation.bytes
        by_age = self._rotation.seconds is not None and time.time() - self._begun_at >= self._rotation.seconds
        return bool(self._size) and (by_size or by_age)

    def _rotate(self) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        self.close()
        self._path.rename(self._path.with_name(f"{self._path.name}.{stamp}"))
        closed = sorted(self._path.parent.glob(f"{self._path.name}.*T*Z"))
        for one in closed[: -self._rotation.keep]:
            one.unlink()
        self._open()


def _begun(fd: int) -> float:
    """When the first line was written, by its own `recorded_at`."""
    first = os.pread(fd, _BLOCK, 0)
    at = first.find(b'"recorded_at":"')
    try:
        return datetime.fromisoformat(first[at + 15 : at + 42].decode()).timestamp()
    except ValueError:
        return time.time()


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
