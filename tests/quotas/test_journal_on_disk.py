"""What of a worker's journal is left, whatever happens to the disk and to the worker."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import resource
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotas import records
from quotas.journal import Entry, Journal, abandoned, contents, entries
from quotas.records import CLOSING, OPENING
from tests.quotas.journals import EVENT, fill, logs, spend


@contextlib.contextmanager
def room(folder: Path, left: int) -> Iterator[None]:
    """The newest segment can grow by so many bytes only."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (logs(folder)[-1].stat().st_size + left, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def failed(journal: Journal) -> str:
    return journal.failed or ""


def test_torn_end_costs_only_the_last_record(journal: Journal, folder: Path) -> None:
    journal.opened(3, "a", EVENT)
    journal.opened(3, "b", EVENT)
    (log,) = logs(folder)
    os.truncate(log, log.stat().st_size - 1)
    found = contents(folder)
    assert found.entries == [Entry(3, "a", EVENT, None)]
    assert found.damaged == 1


@given(st.integers(0, 3 * len(records.pack(1, 3, "a", EVENT)) - 1), st.integers(1, 255))
def test_damaged_byte_costs_only_its_record(at: int, change: int) -> None:
    whole = [records.pack(OPENING, 3, name, EVENT) for name in "abc"]
    data = bytearray(b"".join(whole))
    data[at] ^= change
    hit = at // len(whole[0])
    reading = records.read(bytes(data))
    assert [one.lease_id for one in reading.records] == [name for i, name in enumerate("abc") if i != hit]
    assert reading.damaged == 1


@given(st.binary(max_size=400))
def test_any_bytes_can_be_read(data: bytes) -> None:
    last = records.pack(CLOSING, 3, "last", EVENT)
    assert records.read(data + last).records[-1].lease_id == "last"


def test_text_in_an_event_cannot_pass_for_a_record() -> None:
    forged = records.pack(OPENING, 3, "forged", b"{}").decode("latin-1")
    outer = bytearray(records.pack(OPENING, 3, "true", forged.encode()))
    outer[2] ^= 1  # the outer record is damaged, and the reader looks for the next one inside it
    assert records.read(bytes(outer)) == ([], 1)


def test_full_disk_stops_no_call_and_is_remembered(
    journal: Journal, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal.opened(3, "before", EVENT)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, journal._current.descriptor)
    os.close(full)
    with caplog.at_level(logging.ERROR):
        for number in range(5):
            journal.opened(3, f"full-{number}", EVENT)
    assert "No space left" in failed(journal)
    assert len(caplog.records) == 1


def test_journal_is_whole_again_when_the_disk_has_room(journal: Journal, folder: Path) -> None:
    journal.opened(3, "before", EVENT)
    with room(folder, 0):
        journal.opened(3, "full", EVENT)
        journal.closed(3, "before", b"{closing}")
    journal.trim({3: "7-0"})
    assert not failed(journal)
    assert set(entries(folder)) == {Entry(3, "before", EVENT, b"{closing}"), Entry(3, "full", EVENT, None)}


def test_what_was_written_anew_must_be_synced_too(journal: Journal, folder: Path) -> None:
    journal.opened(3, "long", EVENT)
    fill(journal, folder, 2)
    with room(folder, 0):
        journal.opened(3, "full", EVENT)
    assert journal.trim({3: "7-0"}) == 0
    journal.sync()
    assert journal.trim({3: "7-0"}) == 2


def test_half_written_record_is_passed_over_and_written_anew(journal: Journal, folder: Path) -> None:
    journal.opened(3, "before", EVENT)
    with room(folder, 10):
        journal.opened(3, "half", EVENT)
    assert failed(journal)
    journal.opened(3, "after", EVENT)
    assert {one.lease_id for one in entries(folder)} == {"before", "after"}
    assert contents(folder).damaged == 1
    journal.trim({3: "7-0"})
    assert not failed(journal)
    assert {one.lease_id for one in entries(folder)} == {"before", "half", "after"}


def test_folder_that_cannot_be_made_stops_no_call(folder: Path) -> None:
    folder.write_text("in the way")
    journal = Journal(folder)
    journal.opened(3, "a", EVENT)
    spend(journal, "b")
    journal.sync()
    assert journal.trim({3: "7-0"}) == 0
    assert failed(journal)
    folder.unlink()
    journal.trim({3: "7-0"})
    assert not failed(journal)
    assert entries(folder) == [Entry(3, "a", EVENT, None)]
    assert abandoned(folder) == []
    journal.close()


def test_segment_that_cannot_begin_leaves_the_old_one_in_use(journal: Journal, folder: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    journal.opened(3, "first", b"x" * 2_000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        journal.opened(3, "second", EVENT)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert failed(journal)
    assert {one.lease_id for one in entries(folder)} == {"first", "second"}


def test_sync_reaches_every_segment_and_the_folder(
    journal: Journal, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[int] = set()
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.add(os.fstat(descriptor).st_ino))
    fill(journal, folder, 4)
    journal.sync()
    assert synced == {path.stat().st_ino for path in [*logs(folder), folder]}
    synced.clear()
    journal.sync()
    assert synced == set()
    spend(journal, "more")
    journal.sync()
    assert synced == {logs(folder)[-1].stat().st_ino}


def test_sync_that_fails_is_remembered(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    journal.opened(3, "a", EVENT)
    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", broken)
        journal.sync()
    assert "Input/output" in failed(journal)
    journal.trim({})
    journal.sync()
    assert not failed(journal)


def test_syncing_beside_the_writer_loses_nothing(folder: Path) -> None:
    journal = Journal(folder, segment_bytes=2_000)
    done = threading.Event()

    def sync() -> None:
        while not done.is_set():
            journal.sync()

    thread = threading.Thread(target=sync)
    thread.start()
    for number in range(2_000):
        journal.opened(3, f"lease-{number}", EVENT)
    done.set()
    thread.join()
    journal.sync()
    assert not failed(journal)
    assert journal._synced == journal._written
    assert [one.lease_id for one in entries(folder)] == [f"lease-{number}" for number in range(2_000)]
    journal.close()


# Random histories

SHARDS = (1, 2)
State = tuple[bytes | None, bytes | None]
ABSENT: State = (None, None)

steps = st.lists(
    st.tuples(
        st.sampled_from(["opened", "opened", "grown", "closed", "closed", "confirmed", "trim", "sync"]),
        st.integers(0, 30),
        st.integers(0, 40),
    ),
    max_size=80,
)


@dataclass
class Model:
    """A journal beside a plain account of the same history."""

    folder: Path
    journal: Journal
    states: dict[str, list[State]] = field(default_factory=dict)  # since the last sync, newest last
    ends: dict[str, tuple[int, int]] = field(default_factory=dict)  # confirmed at
    done: set[str] = field(default_factory=set)  # may be forgotten
    synced: dict[Path, int] = field(default_factory=dict)

    def shard(self, lease_id: str) -> int:
        return SHARDS[int(lease_id) % 2]

    def step(self, action: str, pick: int, number: int) -> str | None:
        """Returns the lease whose record was written last, if one was."""
        written = self._step(action, pick, number)
        for path, size in self.synced.items():
            if path.exists() and path.stat().st_size < size:
                self.synced[path] = 0  # emptied, and written anew
        return written

    def _step(self, action: str, pick: int, number: int) -> str | None:
        if action == "opened":
            return self._write("opened", str(len(self.states)), number)
        if action == "trim":
            positions = {SHARDS[0]: (number + 20, 5), SHARDS[1]: (pick + 20, 5)}
            self.journal.trim({shard: f"{ms}-{seq}" for shard, (ms, seq) in positions.items()})
            self.done |= {one for one, end in self.ends.items() if end <= positions[self.shard(one)]}
        elif action == "sync":
            self.journal.sync()
            self.states = {one: states[-1:] for one, states in self.states.items()}
            self.synced = {path: path.stat().st_size for path in logs(self.folder)}
        elif action == "confirmed":
            if closed := self._open(closed=True):
                lease_id = closed[pick % len(closed)]
                self.ends[lease_id] = (number, pick)
                self.journal.confirmed(self.shard(lease_id), lease_id, f"{number}-{pick}")
        elif running := self._open(closed=False):
            return self._write(action, running[pick % len(running)], number)
        return None

    def _open(self, *, closed: bool) -> list[str]:
        return [
            one
            for one, states in self.states.items()
            if one not in self.ends and (states[-1][1] is not None) is closed
        ]

    def _write(self, action: str, lease_id: str, number: int) -> str:
        event = f"{action} {number}".encode()
        getattr(self.journal, action)(self.shard(lease_id), lease_id, event)
        states = self.states.setdefault(lease_id, [ABSENT])
        opening, _ = states[-1]
        states.append((opening, event) if action == "closed" else (event, None))
        return lease_id

    def found(self) -> dict[str, State]:
        return {one.lease_id: (one.opening, one.closing) for one in entries(self.folder)}


def _run(history: list[tuple[str, int, int]], folder: Path) -> tuple[Model, str | None]:
    model, last = Model(folder, Journal(folder, segment_bytes=150)), None
    for step in history:
        last = model.step(*step)
    return model, last


@given(steps, st.integers(0, 60))
@settings(max_examples=300, deadline=None)
def test_killed_worker_loses_at_most_the_record_it_was_writing(
    history: list[tuple[str, int, int]], torn: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        model, last = _run(history, Path(name))
        newest = logs(model.folder)[-1]
        torn = min(torn, _last_record(newest)) if last else 0
        os.truncate(newest, newest.stat().st_size - torn)
        found = model.found()
        for lease_id, states in model.states.items():
            expected = states[-2] if torn and lease_id == last else states[-1]
            kept = [expected]
            if lease_id in model.done:  # some of it may be gone with its segment
                kept += [ABSENT, (None, expected[1])]
            assert found.get(lease_id, ABSENT) in kept
        assert found.keys() <= model.states.keys()
        model.journal.close()


@given(steps, st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_power_cut_loses_nothing_that_was_synced(history: list[tuple[str, int, int]], chance: object) -> None:
    randint = chance.randint  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as name:
        model, _ = _run(history, Path(name))
        for path in logs(model.folder):
            os.truncate(path, randint(model.synced.get(path, 0), path.stat().st_size))
        found = model.found()
        for lease_id, states in model.states.items():
            if lease_id not in model.done:
                assert found.get(lease_id, ABSENT) in _possible(states)
        model.journal.close()


def _possible(states: list[State]) -> set[State]:
    """What may be left of a lease: any state since the sync, or a closing whose opening was in another, unsynced file."""
    return {*states, *((opening, closing) for opening, _ in states for _, closing in states)}


def _last_record(path: Path) -> int:
    last = records.read(path.read_bytes()).records[-1]
    return len(records.pack(*last))
