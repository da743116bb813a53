"""What tests of journals write into them."""

from __future__ import annotations

from pathlib import Path

from quotas.journal import Journal

EVENT = b'{"v": 1, "admitted_us": 1700000000000000}'


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
