"""What a worker's journal keeps, when it lets go of it, and who takes it over."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from quotas.journal import Entry, Journal, abandoned, entries
from tests.quotas.journals import EVENT, fill, logs, spend

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
