"""The scoreboard says what the outcomes say, and nothing better."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from faults import book, report
from faults.book import Trial
from faults.catalogue import SCENARIOS
from faults.scenario import Measure, Scenario


def unplayed(*_: Any) -> Any:
    raise AssertionError


SCENARIO = Scenario(
    "s",
    2,
    "something happens",
    "it holds",
    3,
    "trials",
    unplayed,
    unplayed,
    (Measure("over", "most over", bar=0),),
)
TRIAL = Trial("s", 2, 1, 7, "abc", "2026-01-01T00:00:00+00:00", 1.0, "held", 1, [], {"over": 0})


def test_page_is_what_the_outcomes_make_of_it() -> None:
    assert report.DOCUMENT.read_text() == report.text(list(SCENARIOS.values()))


def test_every_line_of_the_outcomes_names_a_scenario_and_is_of_its_file() -> None:
    for path in book.OUTCOMES.glob("*.jsonl"):
        assert {one.scenario for one in book.trials(path.stem)} == {path.stem}
        assert path.stem in {*SCENARIOS, "mutants"}


@pytest.mark.parametrize(
    ("trials", "verdict"),
    [
        ([TRIAL] * 3, report.MET),
        ([TRIAL] * 2, report.TOO_SHORT),
        ([], report.TOO_SHORT),
        ([TRIAL] * 9 + [replace(TRIAL, outcome="broken", wrongs=["it broke"])], report.NOT_MET),
        ([TRIAL] * 9 + [replace(TRIAL, outcome="crashed", units=0, figures={})], report.NOT_MET),
        ([TRIAL] * 9 + [replace(TRIAL, figures={"over": 1})], report.NOT_MET),
    ],
)
def test_only_a_long_enough_run_without_a_failure_meets_its_bar(trials: list[Trial], verdict: str) -> None:
    assert report.verdict(SCENARIO, trials) == verdict


def test_trials_of_another_version_are_kept_and_not_counted(tmp_path: Path) -> None:
    for trial in (TRIAL, replace(TRIAL, version=1, outcome="broken"), TRIAL):
        book.append(trial, tmp_path)
    assert len(book.trials("s", tmp_path)) == 3
    assert report.present(SCENARIO, book.trials("s", tmp_path)) == [TRIAL, TRIAL]
    assert f"| [s](#s) | 2 trials | 3 | 0 | 100 % | {report.TOO_SHORT} |" in report.text([SCENARIO], tmp_path)


def test_zero_failures_are_published_with_their_bound(tmp_path: Path) -> None:
    for _ in range(200):
        book.append(TRIAL, tmp_path)
    assert "| [s](#s) | 200 trials | 3 | 0 | 1.5 % | met |" in report.text([SCENARIO], tmp_path)


@pytest.mark.parametrize(
    ("how", "value"), [("max", 200), ("min", 1), ("sum", 20_100), ("median", 101), ("p99", 198)]
)
def test_measures_are_taken_over_all_trials(how: str, value: float) -> None:
    trials = [replace(TRIAL, figures={"over": list(range(low, low + 50))}) for low in (1, 51, 101, 151)]
    assert report.value(Measure("over", "", how), trials) == value
