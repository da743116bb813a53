"""What a worker's journal keeps, whatever happens to the worker, to the disk and to the store."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import resource
import signal
import subprocess
import sys
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

EVENT = b'{"v": 1, "admitted_us": 1700000000000000}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journals"


@pytest.fixture
def journal(folder: Path) -> Iterator[Journal]:
    made = Journal(folder, segment_bytes=1_000)
    yield made
    made.close()


def logs(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.log"))


def spend(journal: Journal, *lease_ids: str, shard: int = 3, at: str = "7-0") -> None:
    for lease_id in lease_ids:
        journal.opened(shard, lease_id, EVENT)
        journal.closed(shard, lease_id, EVENT)
        journal.confirmed(shard, lease_id, at)


def fill(journal: Journal, folder: Path, segments: int, at: str = "7-0") -> None:
    """Calls that came to their end, until so many segments have begun."""
    number = 0
    while len(logs(folder)) < segments:
        spend(journal, f"filler-{segments}-{number}", at=at)
        number += 1


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


# What is in it


def test_open_lease_is_found_with_its_opening_event(journal: Journal, folder: Path) -> None:
    journal.opened(3, "a", EVENT)
    assert entries(folder) == [Entry(3, "a", EVENT, None)]


def test_newest_opening_event_counts(journal: Journal, folder: Path) -> None:
    journal.opened(3, "a", EVENT)
    journal.grown(3, "a", b"{more}")
    assert entries(folder) == [Entry(3, "a", b"{more}", None)]


def test_closing_event_is_found_beside_the_opening_one(journal: Journal, folder: Path) -> None:
    journal.opened(3, "a", EVENT)
    journal.closed(3, "a", b"{closing}")
    assert entries(folder) == [Entry(3, "a", EVENT, b"{closing}")]


def test_entries_of_one_shard_are_only_its_own(journal: Journal, folder: Path) -> None:
    journal.opened(3, "a", EVENT)
    journal.opened(4, "b", EVENT)
    assert [one.lease_id for one in entries(folder, 4)] == ["b"]


def test_journals_of_all_workers_are_read(journal: Journal, folder: Path) -> None:
    other = Journal(folder)
    journal.opened(3, "a", EVENT)
    other.opened(3, "b", EVENT)
    assert {one.lease_id for one in entries(folder)} == {"a", "b"}
    other.close()


def test_folder_that_does_not_exist_has_no_entries(tmp_path: Path) -> None:
    assert entries(tmp_path / "none") == []
    assert abandoned(tmp_path / "none") == []


def test_nobody_else_may_read_it(journal: Journal, folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


# What is trimmed


def test_segment_whose_events_the_ledger_has_is_deleted(journal: Journal, folder: Path) -> None:
    fill(journal, folder, 3)
    assert journal.trim({3: "7-0"}) == 2
    assert len(logs(folder)) == 1


def test_segment_stays_while_one_of_its_events_is_above_the_position(journal: Journal, folder: Path) -> None:
    spend(journal, "late", at="9-0")
    fill(journal, folder, 2)
    assert journal.trim({3: "8-5"}) == 0
    assert "late" in {one.lease_id for one in entries(folder)}
    assert journal.trim({3: "9-0"}) == 1


def test_stream_ids_compare_as_numbers(journal: Journal, folder: Path) -> None:
    fill(journal, folder, 2, at="10-10")
    assert journal.trim({3: "9-99"}) == 0
    assert journal.trim({3: "10-9"}) == 0
    assert journal.trim({3: "10-10"}) == 1


def test_shard_that_is_left_out_keeps_its_records(journal: Journal, folder: Path) -> None:
    fill(journal, folder, 2)
    assert journal.trim({4: "99-0"}) == 0
    journal.trim({3: "7-0"})
    fill(journal, folder, 2)
    assert journal.trim({4: "99-0"}) == 0


def test_unconfirmed_closing_is_never_trimmed(journal: Journal, folder: Path) -> None:
    journal.opened(3, "a", EVENT)
    journal.closed(3, "a", b"{closing}")
    fill(journal, folder, 4)
    for _ in range(3):
        journal.trim({3: "99-0"})
        journal.sync()
    assert entries(folder)[-1] == Entry(3, "a", EVENT, b"{closing}")


def test_long_stream_does_not_pin_its_segment(journal: Journal, folder: Path) -> None:
    journal.opened(3, "long", EVENT)
    fill(journal, folder, 3)
    first = logs(folder)[0]
    journal.trim({3: "7-0"})
    journal.sync()
    journal.trim({3: "7-0"})
    assert first not in logs(folder)
    assert Entry(3, "long", EVENT, None) in entries(folder)


def test_extended_reservation_is_carried_over_as_it_is_now(journal: Journal, folder: Path) -> None:
    journal.opened(3, "long", EVENT)
    fill(journal, folder, 2)
    journal.grown(3, "long", b"{more}")
    journal.trim({3: "7-0"})
    assert Entry(3, "long", b"{more}", None) in entries(folder)


def test_segment_waits_until_what_was_carried_over_is_synced(journal: Journal, folder: Path) -> None:
    journal.opened(3, "long", EVENT)
    fill(journal, folder, 2)
    assert journal.trim({3: "7-0"}) == 0
    assert journal.trim({3: "7-0"}) == 0
    journal.sync()
    assert journal.trim({3: "7-0"}) == 1


def test_mostly_open_segment_is_not_written_again_and_again(journal: Journal, folder: Path) -> None:
    for number in range(40):
        journal.opened(3, f"open-{number}", EVENT)
    sizes = [path.stat().st_size for path in logs(folder)]
    for _ in range(5):
        journal.trim({3: "7-0"})
        journal.sync()
    assert [path.stat().st_size for path in logs(folder)] == sizes


def test_journal_at_rest_is_empty(journal: Journal, folder: Path) -> None:
    spend(journal, "a", "b")
    journal.trim({3: "7-0"})
    assert entries(folder) == []
    assert [path.stat().st_size for path in logs(folder)] == [0]
    spend(journal, "c")
    assert [one.lease_id for one in entries(folder)] == ["c"]


# Whose it is


def test_living_journal_is_not_abandoned(journal: Journal, folder: Path) -> None:
    journal.opened(3, "a", EVENT)
    assert abandoned(folder) == []


def test_clean_end_leaves_nothing(folder: Path) -> None:
    journal = Journal(folder)
    spend(journal, "a")
    journal.trim({3: "7-0"})
    journal.close()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("position", ["6-9", None])
def test_end_before_the_ledger_has_all_leaves_it_to_the_sweeper(folder: Path, position: str | None) -> None:
    journal = Journal(folder)
    spend(journal, "a")
    journal.trim({3: position} if position else {})
    journal.close()
    (left,) = abandoned(folder)
    assert left.entries() == [Entry(3, "a", EVENT, EVENT)]
    left.leave()


def test_end_with_an_open_lease_leaves_it_to_the_sweeper(folder: Path) -> None:
    journal = Journal(folder)
    journal.opened(3, "a", EVENT)
    journal.trim({3: "7-0"})
    journal.close()
    with abandoned(folder)[0] as left:
        assert left.entries() == [Entry(3, "a", EVENT, None)]


def test_two_sweepers_do_not_have_the_same_journal(folder: Path) -> None:
    journal = Journal(folder)
    journal.opened(3, "a", EVENT)
    journal.close()
    with abandoned(folder)[0]:
        assert abandoned(folder) == []
    (left,) = abandoned(folder)
    left.delete()
    assert list(folder.iterdir()) == []
    assert abandoned(folder) == []


def test_journal_that_another_sweeper_removed_meanwhile_is_not_had(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(folder)
    journal.opened(3, "a", EVENT)
    journal.close()
    take = fcntl.flock

    def removed_meanwhile(descriptor: int, how: int) -> None:
        for path in folder.iterdir():
            path.unlink()
        take(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", removed_meanwhile)
    assert abandoned(folder) == []


def test_abandoned_journal_without_its_lock_is_still_found(folder: Path) -> None:
    journal = Journal(folder)
    journal.opened(3, "a", EVENT)
    journal.close()
    next(folder.glob("*.lock")).unlink()
    with abandoned(folder)[0] as left:
        assert left.entries() == [Entry(3, "a", EVENT, None)]


WRITES_UNTIL_KILLED = """
import sys
from pathlib import Path
from quotas.journal import Journal
journal = Journal(Path(sys.argv[1]), segment_bytes=5_000)
number = 0
while True:
    journal.opened(1, f"lease-{number}", b"{opening}")
    journal.closed(1, f"lease-{number}", b"{closing}")
    print(number, flush=True)
    number += 1
"""


def test_all_that_was_written_before_a_kill_is_found(journal: Journal, folder: Path) -> None:
    journal.opened(2, "mine", EVENT)
    command = [sys.executable, "-c", WRITES_UNTIL_KILLED, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        told = [int(child.stdout.readline()) for _ in range(300)]
        assert abandoned(folder) == []
        os.kill(child.pid, signal.SIGKILL)
        told += [int(line) for line in child.stdout.read().splitlines()]
    (left,) = abandoned(folder)
    with left:
        found = {one.lease_id: one for one in left.entries()}
        for number in told:
            assert found[f"lease-{number}"] == Entry(1, f"lease-{number}", b"{opening}", b"{closing}")
        assert left.contents().damaged == 0
        left.delete()
    assert [one.lease_id for one in entries(folder)] == ["mine"]


# What a disk does


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
