"""What is known of models, from where, and what follows from it for a request."""

from __future__ import annotations

import secrets
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbit.lib import access
from quotas import genai
from quotas.catalogue import UNKNOWN, Facts, facts_of, fits, seed, unseen
from quotas.known import Described, facts_of_model
from quotas.models import ModelFacts
from tests.conftest import MakeTenant
from tests.tenants.conftest import run

WINDOW = Facts(context_window=1_000, max_output=300)


@pytest.mark.parametrize(
    ("input_tokens", "cap", "given_cap"),
    [
        (0, 200, 200),
        (700, 300, 300),
        (701, 300, 299),
        (999, 300, 1),
        (1_000, 300, None),
        (1_000, 1, None),
        (5_000, 1, None),
        (100, 5_000, 300),
        (900, 5_000, 100),
    ],
)
def test_cap_is_lowered_to_what_the_model_writes_and_the_window_leaves(
    input_tokens: int, cap: int, given_cap: int | None
) -> None:
    assert fits(WINDOW, input_tokens, cap) == given_cap


def test_call_that_writes_nothing_may_fill_its_window_and_no_more() -> None:
    assert fits(WINDOW, 1_000, 0) == 0
    assert fits(WINDOW, 1_001, 0) is None


def test_nothing_is_refused_or_lowered_for_what_is_not_known() -> None:
    assert fits(UNKNOWN, 10**9, 10**6) == 10**6
    assert fits(Facts(max_output=10), 10**9, 10**6) == 10
    assert fits(Facts(context_window=100), 99, 10**6) == 1


@given(st.integers(1, 10**7), st.none() | st.integers(1, 10**6), st.integers(0, 10**7), st.integers(0, 10**7))
def test_what_is_let_through_fits_and_is_never_more_than_was_asked(
    window: int, most: int | None, input_tokens: int, cap: int
) -> None:
    lowered = fits(Facts(context_window=window, max_output=most), input_tokens, cap)
    if lowered is None:
        assert input_tokens + min(cap, 1) > window
    else:
        assert input_tokens + lowered <= window
        assert lowered <= cap
        assert most is None or lowered <= most
        assert lowered >= min(cap, 1)


def test_route_says_more_than_the_catalogue() -> None:
    facts = Facts(context_window=8_192, max_output=100, source="table")
    assert facts.overridden() is facts
    changed = facts.overridden(context_window=32_768, deprecated="use the new one")
    assert (changed.context_window, changed.max_output, changed.deprecated) == (
        32_768,
        100,
        "use the new one",
    )
    assert changed.source == "table; the route's own"
    assert UNKNOWN.overridden(max_output=7).source == "the route's own"


def test_package_tells_the_window_and_our_table_the_rest() -> None:
    facts = genai.facts("openai", "gpt-4o")
    assert (facts.context_window, facts.max_output) == (128_000, 16_384)
    assert "image" in facts.inputs
    assert facts.outputs == {"text"}
    assert facts.retires_on == date(2027, 1, 14)
    assert facts.deprecated == "The vendor has announced that it ends on 2027-01-14."
    assert facts.source.startswith(f"context window: {genai.SOURCE}; output and modalities: Orbit's table")


def test_newer_version_does_not_inherit_what_an_older_one_writes() -> None:
    assert genai.facts("anthropic", "claude-opus-4-1-20250805").max_output == 32_000
    assert genai.facts("anthropic", "claude-opus-4-8").max_output is None
    assert genai.facts("anthropic", "claude-opus-4-8").context_window == 1_000_000
    assert genai.facts("openai", "gpt-6-sol").max_output is None


def test_window_is_the_largest_that_any_setting_opens() -> None:
    assert genai.facts("anthropic", "claude-sonnet-4-5").context_window == 1_000_000
    assert genai.facts("openai", "gpt-4.1-mini").context_window == 1_047_576


def test_window_of_a_name_that_has_moved_on_is_not_believed() -> None:
    assert genai.facts("deepseek", "deepseek-chat").context_window is None


def test_models_retirement_is_that_of_the_vendors_own_account_and_exact_name() -> None:
    assert genai.facts("openai", "gpt-4o-2024-05-13").retires_on == date(2026, 10, 23)
    assert genai.facts("azure", "gpt-4o").retires_on is None


def test_deprecation_of_the_package_is_told() -> None:
    told = facts_of_model("mistral", "devstral-2512", Described(262_144, True, "package 1"))
    assert (told.deprecated, told.retires_on) == ("Deprecated, says package 1.", None)


def test_model_that_nobody_knows_stays_unknown() -> None:
    assert genai.facts("openai", f"m-{secrets.token_hex(4)}") == UNKNOWN
    assert not UNKNOWN.known


def test_pair_is_looked_up_once_and_told_only_when_something_new_is_known() -> None:
    nobody, known = ("openai", f"m-{secrets.token_hex(6)}"), ("openai", f"gpt-4o-{secrets.token_hex(6)}")
    with access.operator():
        assert unseen({nobody, known}) == {nobody, known}
        assert seed({nobody, known}) == {known}
        assert unseen({nobody, known}) == set()
        assert seed({nobody, known}) == set()
        assert facts_of({nobody, known}) == {nobody: UNKNOWN, known: genai.facts(*known)}


def test_row_that_says_otherwise_is_corrected_and_told() -> None:
    pair = ("openai", f"gpt-4o-{secrets.token_hex(6)}")
    with access.operator():
        seed({pair})
        ModelFacts.objects.filter(model=pair[1]).update(context_window=1)
        assert facts_of({pair})[pair].context_window == 1
        assert seed({pair}) == {pair}
        assert facts_of({pair})[pair] == genai.facts(*pair)


def test_routed_models_are_looked_up_and_shown(make_tenant: MakeTenant) -> None:
    model = f"gpt-4o-{secrets.token_hex(6)}"
    make_tenant(entry={"models": [{"alias": "own", "targets": [{"account": "demo", "model": model}]}]})
    (row,) = [one for one in run("models", "list", "--json").json["models"] if one["model"] == model]
    assert row["max_output"] == 16_384
    assert run("models", "show", "--provider", row["provider"], "--model", model, "--json").json == row
    assert "max_output      16384" in run("models", "show", "--provider", "openai", "--model", model).out


def test_model_that_is_not_routed_is_bad_input() -> None:
    answer = run("models", "show", "--provider", "openai", "--model", "nowhere", "--json")
    assert answer.code == 2


def test_refresh_tells_what_changed_and_what_is_not_known(make_tenant: MakeTenant) -> None:
    old, new = f"gpt-4o-{secrets.token_hex(6)}", f"m-{secrets.token_hex(6)}"
    targets = [{"alias": one, "targets": [{"account": "demo", "model": one}]} for one in (old, new)]
    make_tenant(entry={"models": targets})
    with access.operator():
        ModelFacts.objects.filter(model=old).update(max_output=1)
    report = run("models", "refresh", "--json").json
    assert f"openai/{old}" in report["changed"]
    assert f"openai/{new}" in report["unknown"]
    assert f"openai/{old}" not in run("models", "refresh", "--json").json["changed"]
