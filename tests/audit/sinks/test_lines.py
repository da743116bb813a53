"""JSON lines: one event is one line whatever is in it, and half a line never stays."""

from __future__ import annotations

import errno
import json
import os
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from audit.sinks.base import Unavailable
from audit.sinks.lines import Lines, LinesConfig
from audit.sinks.rendering import line
from tests.audit.sinks.harness import lines_of
from tests.audit.sinks.items import item

ODD = [
    '\r\n{"kind":"call"}',
    "\x1b[2J\x1b[31mred",
    "\x9b31m",
    "a\u2028b\u2029c\x85d",
    "\u202egnp.exe",
    "\u2066isolated\u2069",
    "zero\u200bwidth\ufeff",
    "\U000e0041tag",
    '"},{"forged":"',
    "\x00\x7f\b",
]


def config(path: Path | str, **more: Any) -> LinesConfig:
    return LinesConfig.model_validate({"name": "x", "kind": "lines", "path": str(path), **more})


def lines(path: Path, **more: Any) -> Lines:
    return Lines(config(path, **more), str)


@pytest.mark.parametrize("odd", ODD)
def test_an_event_is_one_line_without_anything_active(odd: str) -> None:
    event = {"model": odd, "tags": {odd: odd}}
    text = line(event).decode()
    assert text.splitlines() == [text]
    assert [one for one in text if unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp")] == []
    assert json.loads(text) == event


def test_half_a_line_of_before_is_cut_off(tmp_path: Path) -> None:
    path, items = tmp_path / "events", [item(seq=number) for number in range(3)]
    lines(path).send(items[:2])
    with path.open("ab") as file:
        file.write(items[2].text[: len(items[2].text) // 2])
    lines(path).send(items[2:])
    assert [event["seq"] for event in lines_of(path)] == [0, 1, 2]


def test_half_a_line_longer_than_a_block_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "events"
    lines(path).send([item(seq=1)])
    with path.open("ab") as file:
        file.write(b"{" + b"x" * 200_000)
    lines(path).send([item(seq=2)])
    assert [event["seq"] for event in lines_of(path)] == [1, 2]


def test_a_full_disk_leaves_no_half_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, sink = tmp_path / "events", lines(tmp_path / "events")
    sink.send([item(seq=1)])
    real = os.write

    def full(fd: int, data: Any) -> int:
        if len(data) < 100:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data[: len(data) - 50])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(Unavailable, match="No space left"):
            sink.send([item(seq=2), item(seq=3)])
    assert [event["seq"] for event in lines_of(path)] == [1]
    sink.send([item(seq=2)])
    assert [event["seq"] for event in lines_of(path)] == [1, 2]


def test_it_is_rotated_by_size_and_old_ones_go(tmp_path: Path) -> None:
    path = tmp_path / "events"
    sink = lines(path, rotate={"bytes": 10_000, "keep": 3})
    for number in range(12):
        sink.send([item(seq=number, user_agent="x" * 4000), item(seq=number, user_agent="x" * 4000)])
    closed = sorted(tmp_path.glob("events.*"))
    assert len(closed) == 3
    assert all(one.stat().st_size <= 10_000 for one in [path, *closed])
    assert [one.stat().st_mode & 0o777 for one in [path, *closed]] == [0o600] * 4


def test_it_is_rotated_by_the_age_of_its_first_line(tmp_path: Path) -> None:
    path = tmp_path / "events"
    lines(path, rotate={"seconds": 60}).send([item(seq=1, recorded_at="2026-01-01T00:00:00.000000Z")])
    lines(path, rotate={"seconds": 60}).send([item(seq=2)])
    assert [event["seq"] for event in lines_of(path)] == [2]
    assert len(list(tmp_path.glob("events.*"))) == 1


def test_a_file_that_somebody_else_rotated_is_made_anew(tmp_path: Path) -> None:
    path, sink = tmp_path / "events", lines(tmp_path / "events")
    sink.send([item(seq=1)])
    path.rename(tmp_path / "moved")
    sink.send([item(seq=2)])
    assert [event["seq"] for event in lines_of(path)] == [2]


def test_fsync_comes_before_the_acknowledgement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    path = tmp_path / "events"
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_size))
    lines(path).send([item(seq=1)])
    assert synced[-1] == path.stat().st_size
    synced.clear()
    lines(tmp_path / "other", fsync=False).send([item(seq=1)])
    assert path.stat().st_size not in synced


def test_standard_output_begins_with_an_end_of_line(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as pipe:
        with open(writing, "wb") as stdout, monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", stdout)
            sink = Lines(config("-"), str)
            sink.send([item(seq=1)])
            sink.send([item(seq=2)])
        said = pipe.read().decode()
    assert said.startswith("\n{")
    assert [json.loads(one)["seq"] for one in said.split()] == [1, 2]


def test_standard_output_that_nobody_reads_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as stdout, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        with pytest.raises(Unavailable, match="Broken pipe"):
            Lines(config("-"), str).send([item(seq=1)])
