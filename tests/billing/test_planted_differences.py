"""Differences that were planted between a ledger and its bill are found, named for what they are, and nothing else is."""

from __future__ import annotations

import pytest

from bench.bills.judging import Result, summed, table, words
from bench.bills.planned import Plan
from bench.bills.trials import judge, trial
from orbit.demo.bills.process import BillsHandle
from tests.billing.conftest import MakeTrial


@pytest.mark.parametrize("provider", ["openai", "anthropic", "openrouter"])
def test_clean_traffic_has_no_drift_but_rounding(provider: str, make_trial: MakeTrial) -> None:
    made = make_trial(provider, each=0)
    made.reconcile()
    found = judge(made)
    assert (found.token_drift, found.unexplained_nano, found.adjustments) == (0, 0, 0)
    assert found.wrong == []
    rows = made.rows()
    assert sum(row.calls for row in rows) == 120
    lines = 5 * len(rows)
    assert (
        found.rounding_nano <= 120 + 50 * lines
    )  # each call rounds up, each line of Anthropic's to 1/20,000,000
    assert all(row.ours_tokens == row.theirs_tokens for row in rows)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_each_planted_difference_is_found_for_what_it_is(provider: str, make_trial: MakeTrial) -> None:
    made = make_trial(provider, each=2)
    made.reconcile()
    found = judge(made)
    assert found.wrong == []
    assert found.unexplained_nano == 0
    assert found.false_adjustments == 0
    assert found.found_nano == found.planted_nano > 0
    assert found.adjustments > 5


def _series(provider: str, bills: BillsHandle, trials: int) -> list[Result]:
    results = []
    for seed in range(trials):
        results.append(trial(Plan(provider), bills, seed))
        print(f"seed {seed}: {results[-1].wrong}")
    print(f"{provider}\n{table(results)}\n{words(results)}")
    return results


@pytest.mark.full
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_among_ten_thousand_calls_causes_that_overlap_are_told_apart(
    provider: str, bills: BillsHandle
) -> None:
    results = _series(provider, bills, 3)
    assert all(sum(score.planted for score in one.scores.values()) >= 40 for one in results)
    for cause, score in summed(results).items():
        assert score.recall >= 0.9, cause
        assert score.precision >= 0.9, cause
    assert sum(one.unexplained_nano for one in results) == 0
    assert sum(one.false_adjustments for one in results) == 0
