"""What processes counted is told together, outlives them, and has no more series than its budget."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orbit.lib.metrics import Book, Family, Kind, Names, Shelf, written
from orbit.lib.metrics.names import OTHER, WITHIN

COUNT = Family("t_things_total", Kind.COUNTER, "Things.", ("who",))
LEVEL = Family("t_level", Kind.GAUGE, "Level.")
WORST = Family("t_worst", Kind.GAUGE, "Worst.", largest=True)
TOOK = Family("t_took_seconds", Kind.HISTOGRAM, "Took.", ("who",), (0.1, 1.0))
MONEY = Family("t_money_total", Kind.COUNTER, "Money.", scale=1e-9)
FAMILIES = (COUNT, LEVEL, WORST, TOOK, MONEY)
KNOWN = {one.name: one for one in FAMILIES}


def counted(level: float = 1) -> Book:
    book = Book(FAMILIES)
    book.add(COUNT, ("acme",), 2)
    book.set(LEVEL, (), level)
    book.set(WORST, (), level)
    for value in (0.05, 0.1, 0.5, 7):
        book.observe(TOOK, ("acme",), value)
    book.add(MONEY, (), 1_500_000_000)
    return book


def test_processes_are_summed_and_gauges_end_with_them(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "metrics")
    places = [shelf.enter("web"), shelf.enter("task")]
    for place, level in zip(places, (3, 4), strict=True):
        place.put(place.content(counted(level)))
    series, living = shelf.read(KNOWN)
    assert series["t_things_total"] == {("acme",): 4}
    assert (series["t_level"], series["t_worst"]) == ({(): 7}, {(): 4})
    assert series["t_took_seconds"] == {("acme",): [4, 2, 2, pytest.approx(15.3)]}
    assert sorted(one.kind for one in living) == ["task", "web"]
    places[0].close()
    for _ in range(2):  # the first reader folds what the dead left
        series, living = shelf.read(KNOWN)
        assert series["t_things_total"] == {("acme",): 4}
        assert (series["t_level"], [one.kind for one in living]) == ({(): 4}, ["task"])
    assert len(list((tmp_path / "metrics").glob("web-*"))) == 0
    places[1].close()


def test_who_reads_a_part_takes_nothing_from_the_rest(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    stays = shelf.enter("web")
    for _ in range(2):
        place = shelf.enter("web")
        place.put(place.content(counted()))
        place.close()
        only = {MONEY.name: MONEY}
        assert set(shelf.read(only)[0]) == {MONEY.name}
    series, _ = shelf.read(KNOWN)
    assert (series["t_things_total"], series["t_money_total"]) == ({("acme",): 4}, {(): 3_000_000_000})
    assert series["t_took_seconds"] == {("acme",): [4, 2, 2, pytest.approx(15.3)]}
    assert "t_level" not in series
    stays.close()


def test_process_that_is_killed_has_counted(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    stays = shelf.enter("web")
    program = (
        "import os, sys; from pathlib import Path; from orbit.lib.metrics import *\n"
        "f = Family('t_things_total', Kind.COUNTER, '', ('who',)); b = Book((f,)); b.add(f, ('acme',), 5)\n"
        "p = Shelf(Path(sys.argv[1])).enter('web'); p.put(p.content(b)); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False).returncode == -9
    series, living = shelf.read(KNOWN)
    assert (series["t_things_total"], living) == ({("acme",): 5}, [])
    stays.close()


def test_who_comes_when_nobody_runs_begins_at_nothing(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    place = shelf.enter("web")
    place.put(place.content(counted()))
    Names(shelf.names, 5).organization("acme")
    place.close()
    shelf.enter("web").close()
    assert shelf.read(KNOWN)[0].get("t_things_total") is None
    assert Names(shelf.names, 5).claimed() == []


def test_what_another_version_told_is_passed_over(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    place = shelf.enter("web")
    place.put(
        b'{"kind":"web","at":0,"series":{"t_gone_total":[[["a"],1]],"t_things_total":[[["a","b"],1]],'
        b'"t_took_seconds":[[["a"],[1]]],"t_level":[[[],"x"]]}}'
    )
    assert not any(shelf.read(KNOWN)[0].values())
    stays = shelf.enter("web")
    place.close()
    stays.put(stays.content(counted()))
    for _ in range(2):  # when it has died, too
        assert shelf.read(KNOWN)[0]["t_took_seconds"] == {("acme",): [2, 1, 1, pytest.approx(7.65)]}
    stays.put(b"{")
    series, living = shelf.read(KNOWN)
    assert (any(series.values()), living) == (False, [])
    stays.close()


def test_exposition_has_cumulative_buckets_and_whole_money(tmp_path: Path) -> None:
    text = written(KNOWN, counted().series).decode()
    assert "# TYPE t_things_total counter" in text
    assert 't_things_total{who="acme"} 2.0' in text
    assert "t_money_total 1.5" in text
    for line in ('{le="0.1",who="acme"} 2', '{le="1.0",who="acme"} 3', '{le="+Inf",who="acme"} 4'):
        assert f"t_took_seconds_bucket{line}" in text or line.replace("le=", "who=") in text, text


def test_budget_of_organizations_is_one_for_all_processes(tmp_path: Path) -> None:
    one, other = (Names(tmp_path / "names", 2) for _ in range(2))
    assert [one.organization(name) for name in ("a", "b", "c", "a")] == ["a", "b", OTHER, "a"]
    assert [other.organization(name) for name in ("c", "b", "a")] == [OTHER, "b", "a"]
    assert one.claimed() == ["a", "b"]
    assert Names(tmp_path / "names", 0).organization("d") == OTHER


def test_models_of_one_organization_are_bounded(tmp_path: Path) -> None:
    names = Names(tmp_path / "names", 2)
    seen = {names.within("a", "model", f"m{number}") for number in range(WITHIN + 9)}
    assert len(seen) == WITHIN + 1
    assert OTHER in seen
    assert names.within("b", "model", "m99") == "m99"
    assert names.within(OTHER, "model", "m99") == OTHER
    assert names.within("a", "limit", None) == ""


def test_labels_cannot_break_out_of_their_line(tmp_path: Path) -> None:
    book = Book(FAMILIES)
    book.add(COUNT, ('a"} 1\nevil_total{x="',))
    lines = written(KNOWN, book.series).decode().splitlines()
    assert not any(line.startswith("evil") for line in lines)


def test_names_that_cannot_be_written_down_are_counted_with_the_others(tmp_path: Path) -> None:
    """A full disk, or too many open files, is no reason for a call to fail."""
    unwritable = tmp_path / "names"
    unwritable.mkdir()
    names = Names(unwritable, 5)
    assert names.organization("acme") == OTHER
    unwritable.rmdir()
    assert names.organization("acme") == "acme"
