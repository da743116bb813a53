"""Each worker's record of its open leases and unconfirmed events, on disk, for the day on which the store loses its own.

docs/decisions/0009-journals.md says what survives what. Files of one journal, in a folder that all workers of an
installation share: `<name>.lock`, locked while its worker lives, and `<name>.<number>.log`, oldest first.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from quotas import records
from quotas.records import CLOSING, OPENING

logger = logging.getLogger(__name__)

LOG_EVERY_S = 60.0
CARRIED_AT_MOST = 0.5  # of a segment; where more of it is still open, rewriting it would gain little
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL

StreamId = tuple[int, int]


@dataclass(slots=True, eq=False)
class _Segment:
    """One file. `open` counts the leases without a confirmed end that begin here; `ends` is, for each shard, the
    highest stream id of those that have one; `copied` is the record up to which a sync must have come before
    the copies of what was carried over from here are safe."""

    path: Path | None = None
    descriptor: int = -1
    size: int = 0
    full_at: int = 0
    open: int = 0
    ends: dict[int, StreamId] = field(default_factory=dict)
    copied: int = 0

    def written_by(self, positions: Mapping[int, StreamId]) -> bool:
        return all(end <= positions.get(shard, (0, 0)) for shard, end in self.ends.items())


@dataclass(slots=True, eq=False)
class _Lease:
    shard: int
    segment: _Segment  # where its oldest record that matters is
    opening: bytes | None
    closing: bytes | None = None


class Journal:
    """What one worker writes. Call it from one thread, `sync` aside. No method raises for what a disk does: `failed`
    says why records are missing, and is None again once a `trim` could write anew all that is still open."""

    def __init__(self, folder: Path, *, segment_bytes: int = 8_000_000) -> None:
        self.name = ""
        self.failed: str | None = None
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._lock: int | None = None
        self._leases: dict[str, _Lease] = {}
        self._current = _Segment()
        self._segments: deque[_Segment] = deque()
        self._finished: deque[_Segment] = deque()  # still to be synced, then closed
        self._number = 0
        self._passed: Mapping[int, StreamId] = {}  # positions of the latest trim
        self._written = self._synced = 0  # records
        self._listed: _Segment | None = None  # the newest whose name is known to be on the disk
        self._syncing = threading.Lock()
        self._logged_at = float("-inf")
        self._start()

    def opened(self, shard: int, lease_id: str, event: bytes) -> None:
        """A lease was taken; `event` is its opening event."""
        self._append(OPENING, shard, lease_id, event)
        lease = self._leases.get(lease_id)
        if lease is None:
            self._leases[lease_id] = _Lease(shard, self._current, event)
            self._current.open += 1
        else:
            lease.opening = event

    def grown(self, shard: int, lease_id: str, event: bytes) -> None:
        """Its reservation was extended, or moved to another target: the newest opening event counts."""
        self.opened(shard, lease_id, event)

    def closed(self, shard: int, lease_id: str, event: bytes) -> None:
        """It is about to be settled with this closing event."""
        self._append(CLOSING, shard, lease_id, event)
        lease = self._leases.get(lease_id)
        if lease is None:
            self._leases[lease_id] = _Lease(shard, self._current, None, event)
            self._current.open += 1
        else:
            lease.closing = event

    def confirmed(self, shard: int, lease_id: str, stream_id: str) -> None:
        """The store has the closing event under this stream id."""
        lease = self._leases.pop(lease_id, None)
        if lease is not None:
            segment, end = lease.segment, _numbers(stream_id)
            segment.open -= 1
            if end > segment.ends.get(shard, (0, 0)):
                segment.ends[shard] = end

    def trim(self, positions: Mapping[int, str]) -> int:
        """Deletes the finished segments that nothing needs any more; returns how many.

        `positions` is, for each shard, the last stream id up to which the ledger has written all; a shard that is left
        out keeps its records. Segments go oldest first, so that no lease loses its closing before its opening.
        What is still open in a segment that is otherwise done is written anew at the end, and the segment goes
        once that is synced.
        """
        self._passed = {shard: _numbers(position) for shard, position in positions.items()}
        if self.failed is not None:
            self._heal()
        deleted = 0
        while self._segments and self._segments[0] is not self._current and self._done():
            self._delete(self._segments.popleft())
            deleted += 1
        if len(self._segments) == 1:
            self._empty(self._current)
        return deleted

    def sync(self) -> None:
        """Brings all that was written so far to the disk. For a background thread."""
        with self._syncing:
            # read in this order, so that a segment that begins meanwhile hides nothing of what was written
            written, current = self._written, self._current
            if written == self._synced and not self._finished:
                return
            try:
                self._sync_finished()
                if current.descriptor >= 0:
                    os.fsync(current.descriptor)
                if current is not self._listed:
                    _sync_folder(self._folder)
                    self._listed = current
                self._synced = written
            except OSError as error:
                self._fail(error)

    def close(self) -> None:
        """The clean end: removes its files if the ledger was seen to have all of it, else leaves them to a sweeper."""
        with self._syncing:
            needed = self._leases or not all(one.written_by(self._passed) for one in self._segments)
            for segment in {*self._segments, *self._finished, self._current}:
                _close(segment)
            if self._lock is None:
                return
            if not needed:
                _remove(self._folder, self.name)
            os.close(self._lock)
            self._lock = None

    def _start(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            while self._lock is None:  # a sweeper may be quicker, and will remove what it found
                self.name = uuid.uuid4().hex
                self._lock = _take_lock(self._folder, self.name)
            self._begin_segment()
        except OSError as error:
            self._fail(error)

    def _begin_segment(self) -> None:
        self._number += 1
        path = self._folder / f"{self.name}.{self._number:08d}.log"
        begun = _Segment(path, os.open(path, _APPEND, 0o600), full_at=self._segment_bytes)
        former, self._current = self._current, begun
        self._segments.append(begun)
        if former.path is not None:
            self._finished.append(former)

    def _append(self, kind: int, shard: int, lease_id: str, payload: bytes) -> bool:
        current = self._current
        try:
            if current.size >= current.full_at and current.path is not None:
                current.full_at += self._segment_bytes  # should no new one be had, this one serves on
                self._begin_segment()
                current = self._current
        except OSError as error:
            self._fail(error)
        if current.descriptor < 0:
            return False  # it never began, or was closed
        record = records.pack(kind, shard, lease_id, payload)
        try:
            written = os.write(current.descriptor, record)
        except OSError as error:
            self._fail(error)
            return False
        current.size += written
        self._written += 1
        if written < len(record):
            self._fail(OSError(f"wrote {written} bytes of {len(record)}"))
            return False
        return True

    def _done(self) -> bool:
        """Whether nothing needs the oldest segment; what is open in it is carried over on the way."""
        oldest = self._segments[0]
        if not oldest.written_by(self._passed):
            return False
        if oldest.open:
            stay = [(id_, one) for id_, one in self._leases.items() if one.segment is oldest]
            size = sum(len(one.opening or b"") + len(one.closing or b"") for _, one in stay)
            if size > CARRIED_AT_MOST * self._segment_bytes or not self._carry(stay):
                return False
            oldest.copied = self._written
        return self._synced >= oldest.copied

    def _carry(self, leases: Iterable[tuple[str, _Lease]]) -> bool:
        """Writes these leases anew in the newest segment; whether all could be."""
        for lease_id, lease in leases:
            start: _Segment | None = None
            for kind, payload in ((OPENING, lease.opening), (CLOSING, lease.closing)):
                if payload is not None:
                    if not self._append(kind, lease.shard, lease_id, payload):
                        return False
                    start = start or self._current
            if start is not None:
                lease.segment.open -= 1
                start.open += 1
                lease.segment = start
        return True

    def _heal(self) -> None:
        """After a failure nobody knows which records are missing: all that is open is written anew, in a new file."""
        before, self.failed = self.failed, None
        if self._lock is None or self._current.size or self._current.path is None:
            self._start()
        if self.failed is None and self._carry(list(self._leases.items())):
            for segment in self._segments:
                segment.copied = self._written
            logger.info("journal %s is whole again after: %s", self.name, before)

    def _empty(self, current: _Segment) -> None:
        """Starts the only segment afresh where nothing needs it, as on a quiet day."""
        if current.size and not current.open and current.written_by(self._passed):
            try:
                os.ftruncate(current.descriptor, 0)
            except OSError as error:
                self._fail(error)
            else:
                current.size, current.full_at = 0, self._segment_bytes
                current.ends.clear()

    def _delete(self, segment: _Segment) -> None:
        assert segment.path is not None
        try:
            segment.path.unlink(missing_ok=True)
        except OSError as error:
            self._fail(error)

    def _sync_finished(self) -> None:
        while self._finished:
            segment = self._finished.popleft()
            try:
                os.fsync(segment.descriptor)
            finally:
                _close(segment)  # also of a failure: it is remembered, and all that is open is written anew

    def _fail(self, error: OSError) -> None:
        self.failed = str(error)
        now = time.monotonic()
        if now - self._logged_at >= LOG_EVERY_S:
            self._logged_at = now
            logger.error("journal %s is not whole: %s", self.name, error)


@dataclass(frozen=True, slots=True)
class Entry:
    """The latest that a journal knows of a lease. The ledger may have it long since: ask there before acting on it."""

    shard: int
    lease_id: str
    opening: bytes | None
    closing: bytes | None


class Contents(NamedTuple):
    """`damaged` counts the stretches of files that could not be read."""

    entries: list[Entry]
    damaged: int


@dataclass(eq=False)
class Abandoned:
    """A journal whose worker is gone, locked until it is deleted or left (`with`), so that one sweeper has it."""

    folder: Path
    name: str
    _lock: int

    def entries(self) -> list[Entry]:
        return self.contents().entries

    def contents(self) -> Contents:
        return _contents(self.folder, [self.name], None)

    def delete(self) -> None:
        _remove(self.folder, self.name)
        self.leave()

    def leave(self) -> None:
        """Keeps the files for the next sweeper."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Abandoned:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()


def entries(folder: Path, shard: int | None = None) -> list[Entry]:
    """Every lease in any worker's journal, whether the worker lives or not."""
    return contents(folder, shard).entries


def contents(folder: Path, shard: int | None = None) -> Contents:
    return _contents(folder, _names(folder), shard)


def abandoned(folder: Path) -> list[Abandoned]:
    """The journals whose worker is gone. Each stays locked until it is deleted or left."""
    found = []
    for name in _names(folder):
        lock = _take_lock(folder, name)
        if lock is not None:
            found.append(Abandoned(folder, name, lock))
    return found


@dataclass(frozen=True, slots=True)
class Standing:
    """One journal from outside: whether its worker lives, and what lies on the disk."""

    name: str
    alive: bool
    files: int
    size: int
    age_s: int  # of the newest file


def standing(folder: Path, now: float | None = None) -> list[Standing]:
    """Every journal of the folder. Looks only: a lock is let go at once, and what goes meanwhile is left out."""
    moment, found = time.time() if now is None else now, []
    for name in _names(folder):
        stats = []
        for path in _logs(folder, name):
            with suppress(FileNotFoundError):
                stats.append(path.stat())
        newest = max((one.st_mtime for one in stats), default=moment)
        size = sum(one.st_size for one in stats)
        found.append(
            Standing(name, _is_locked(folder, name), len(stats), size, max(0, round(moment - newest)))
        )
    return found


def _is_locked(folder: Path, name: str) -> bool:
    """Shared, so that two who look do not take each other for a worker."""
    try:
        lock = os.open(folder / f"{name}.lock", os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _contents(folder: Path, names: Iterable[str], shard: int | None) -> Contents:
    openings: dict[tuple[int, str], bytes] = {}
    closings: dict[tuple[int, str], bytes] = {}
    seen: dict[tuple[int, str], None] = {}
    damaged = 0
    for name in names:
        for reading in _readings(folder, name):
            damaged += reading.damaged
            for record in reading.records:
                if shard is None or record.shard == shard:
                    key = record.shard, record.lease_id
                    seen[key] = None
                    (openings if record.kind == OPENING else closings)[key] = record.payload
    return Contents([Entry(*key, openings.get(key), closings.get(key)) for key in seen], damaged)


def _readings(folder: Path, name: str) -> list[records.Reading]:
    """A journal's segments, oldest first. One that goes meanwhile left what mattered in a newer one: look again."""
    while True:
        try:
            return [records.read(path.read_bytes()) for path in _logs(folder, name)]
        except FileNotFoundError:
            continue


def _names(folder: Path) -> list[str]:
    paths = [*folder.glob("*.lock"), *folder.glob("*.log")]
    return sorted({path.name.partition(".")[0] for path in paths})


def _logs(folder: Path, name: str) -> list[Path]:
    return sorted(folder.glob(f"{name}.*.log"))


def _remove(folder: Path, name: str) -> None:
    """All files of a journal whose lock is held, oldest first and the lock last."""
    for path in (*_logs(folder, name), folder / f"{name}.lock"):
        path.unlink(missing_ok=True)


def _take_lock(folder: Path, name: str) -> int | None:
    """The lock of a journal; None when somebody else has it, or had it and removed it."""
    path = folder / f"{name}.lock"
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    mine = False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mine = path.stat().st_ino == os.fstat(lock).st_ino
    except (BlockingIOError, FileNotFoundError):
        return None
    finally:
        if not mine:
            os.close(lock)
    return lock if mine else None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _close(segment: _Segment) -> None:
    if segment.descriptor >= 0:
        os.close(segment.descriptor)
        segment.descriptor = -1


def _numbers(stream_id: str) -> StreamId:
    """A stream id as the store orders them."""
    ms, _, seq = stream_id.partition("-")
    return int(ms), int(seq or 0)
