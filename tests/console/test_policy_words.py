"""A policy in words and money, as text with lines, and as a form that loses nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from console.policies import draft, form
from console.policies.words import Typical, in_words
from orbit.lib import access
from orbit.lib.clock import rfc3339
from quotas import prices
from tenants.schema import policy_document
from tests.console.conftest import Tenant

BUDGET = {"name": "budget", "meter": "cost", "per": "month", "limit": "300.00"}
RPM = {"name": "rpm", "meter": "requests", "per": "minute", "limit": 600, "burst": 60}


def said(*limits: dict[str, Any], typical: Typical | None = None, **fields: Any) -> str:
    document = policy_document({"limits": list(limits), **fields})
    return "\n".join(sentence for part in in_words(document, "EUR", typical) for sentence in part.sentences)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (BUDGET, "Spends at most €300.00 in a calendar month. Spent evenly, that is about €10.00 a day."),
        (RPM, "At most 600 calls a minute, 60 at once after a pause."),
        ({"name": "one", "meter": "requests", "per": "day", "limit": 1}, "At most 1 call in a calendar day."),
        ({"name": "all", "meter": "tokens", "per": "total", "limit": 5000}, "5,000 tokens, input and output together, in all its time."),
        ({"name": "now", "meter": "concurrency", "limit": 5}, "At most 5 calls at the same time."),
        ({**RPM, "of": "each_end_user"}, "Each end user by themselves."),
        ({**RPM, "of": "each_key"}, "Each key by itself."),
        ({**RPM, "shadow": True}, "Only reports, and refuses nobody."),
        ({**RPM, "models": ["fast", "dear"]}, "Counts only calls of fast and dear."),
    ],
)  # fmt: skip
def test_a_limit_reads_as_a_sentence(limit: dict[str, Any], words: str) -> None:
    assert words in said(limit)


def test_an_increase_is_told_while_it_runs() -> None:
    ahead = rfc3339(datetime.now(UTC) + timedelta(days=1))
    assert "Raised to €400.00 until" in said({**BUDGET, "temporary": {"limit": "400.00", "until": ahead}})
    past = rfc3339(datetime.now(UTC) - timedelta(days=1))
    assert "Raised" not in said({**BUDGET, "temporary": {"limit": "400.00", "until": past}})


def test_a_budget_is_told_in_answers_of_a_model_with_a_price() -> None:
    rates = prices.ceiling({"input": "1.00", "output": "3.00"})
    assert "Pays for about 150,000 typical answers of fast." in said(BUDGET, typical=Typical("fast", rates))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Every model."),
        ({"allow": {"models": ["fast"]}}, "Only the model fast."),
        ({"allow": {"models": []}}, "No model at all: every call is refused."),
        ({"allow": {"endpoints": ["embeddings"]}}, "Only the endpoint embeddings."),
        ({"allow": {"ip_ranges": ["10.0.0.0/8"]}}, "Only from 10.0.0.0/8."),
        ({"caps": {"max_input_tokens": 8000}}, "more than 8,000 tokens of input are refused"),
        ({"caps": {"max_output_tokens": 4096}}, "No answer is longer than 4,096 tokens."),
        ({"caps": {"max_body_bytes": 1000}}, "larger than 1,000 bytes"),
        ({"on_store_failure": "local_share"}, "each worker goes on with its share"),
        ({"unpriced_models": {"input": "30.00", "output": "120.00"}}, "€30.00 a million tokens of input"),
        ({"on_disconnect": {"drain": {"max_s": 60, "max_cost": "0.50"}}}, "at most 60 seconds and €0.50"),
        ({"untranslatable": "drop"}, "has no word for is left out"),
        ({"untranslatable": {"drop": ["seed"]}}, "no word for seed, that is left out"),
        ({"output_reserve": "learned"}, "what such calls used to write"),
    ],
)
def test_what_else_it_says_reads_as_a_sentence(fields: dict[str, Any], words: str) -> None:
    assert words in said(**fields)


TEXT = """\
allow:
  models: [fast]
limits:
- name: budget
  meter: cost
  per: month
  limit: 300.00
- name: rpm
  meter: requsts
"""


def test_mistakes_are_told_by_line_path_and_remedy(tenant: Tenant) -> None:
    with access.scope(organization_id=tenant.organization.pk):
        faults = draft.judged(draft.read(TEXT), None).faults
    told = {(one.line, one.path): (one.message, one.suggestion) for one in faults}
    assert told[(7, "limits[0].limit")][0]
    assert "requests" in told[(9, "limits[1].meter")][1]
    assert told[(8, "limits[1].limit")] == ("is missing", "add 'limit'")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("limits: [\n", 2, "not readable as YAML"),
        ("caps: {}\ncaps: {}\n", 2, "appears twice"),
        ("- one\n", None, "must be a mapping"),
    ],
)
def test_text_that_cannot_be_read_says_where(tenant: Tenant, text: str, line: int | None, says: str) -> None:
    read = draft.read(text)
    assert read.content is None
    assert (read.faults[0].line, says in read.faults[0].message) == (line, True)


def test_models_that_are_not_there_are_told_of_and_do_no_harm(tenant: Tenant) -> None:
    with access.scope(organization_id=tenant.organization.pk):
        verdict = draft.judged(draft.read("allow: {models: [nobody, 'gpt-*']}"), None)
    assert verdict.ok
    assert verdict.unknown_models == ("nobody",)


WHOLE = policy_document(
    {
        "allow": {"models": ["fast", "gpt-*"], "ip_ranges": ["10.0.0.0/8"]},
        "caps": {"max_output_tokens": 100},
        "limits": [BUDGET, {**RPM, "models": ["fast"], "of": "each_key", "shadow": True}],
        "unpriced_models": {"input": "30.00", "output": "120.00"},
        "on_disconnect": {"drain": {"max_s": 60, "max_cost": "0.50"}},
        "untranslatable": {"drop": ["seed"]},
        "output_reserve": "learned",
    }
)


def fields_of(content: dict[str, Any]) -> dict[str, str]:
    """As a browser sends the form."""
    shown = form.form_of(content)
    assert shown is not None
    limits = {f"limit-{row.number}-{name}": value for row in shown.rows for name, value in row.fields.items()}
    return {form.SHOWN: "yes", **shown.fields, **limits}


def content_of(document: dict[str, Any]) -> dict[str, Any]:
    read = draft.read(draft.text_of(document)).content
    assert read is not None
    return read


def test_a_form_that_nobody_touched_changes_nothing() -> None:
    content = content_of(WHOLE)
    assert form.merged(content, content, fields_of(content)) == content
    assert policy_document(content) == WHOLE


@pytest.mark.parametrize(
    ("field", "value", "path", "wanted"),
    [
        ("models", "fast", ("allow", "models"), ["fast"]),
        ("max_output_tokens", "", ("caps", "max_output_tokens"), None),
        ("max_input_tokens", "8,000", ("caps", "max_input_tokens"), 8000),
        ("on_store_failure", "local_share", ("on_store_failure",), "local_share"),
        ("output_reserve", "", ("output_reserve",), None),
        ("unpriced_models", "refuse", ("unpriced_models",), "refuse"),
        ("unpriced_input", "40.00", ("unpriced_models", "input"), "40.00"),
        ("on_disconnect", "cancel", ("on_disconnect",), None),
        ("drain_s", "30", ("on_disconnect", "drain", "max_s"), 30),
        ("untranslatable", "drop", ("untranslatable",), "drop"),
        ("untranslatable_drop", "seed, user", ("untranslatable", "drop"), ["seed", "user"]),
        ("limit-0-limit", "250.00", ("limits", 0, "limit"), "250.00"),
        ("limit-1-limit", "500", ("limits", 1, "limit"), 500),
        ("limit-1-shadow", "no", ("limits", 1, "shadow"), False),
        ("limit-1-of", "self", ("limits", 1, "of"), "self"),
        ("limit-1-models", "", ("limits", 1, "models"), None),
    ],
)
def test_each_field_sets_its_part_and_nothing_else(
    field: str, value: str, path: tuple[Any, ...], wanted: Any
) -> None:
    content = content_of(WHOLE)
    made = policy_document(form.merged(content, content, {**fields_of(content), field: value}))
    found, expected = made, policy_document(content)
    for part in path[:-1]:
        found, expected = found[part], expected[part]
    assert found[path[-1]] == wanted
    expected[path[-1]] = wanted
    assert {name: made[name] for name in made if name != path[0]} == {
        name: WHOLE[name] for name in WHOLE if name != path[0]
    }


def test_what_both_views_changed_since_is_all_there() -> None:
    base = content_of(WHOLE)
    text = yaml.safe_load(draft.text_of(WHOLE))
    ahead = rfc3339(datetime.now(UTC) + timedelta(days=1))
    text["limits"][0]["temporary"] = {"limit": "400.00", "until": ahead}  # no field of the form
    text["caps"] = {"max_output_tokens": 77}
    text["unpriced_models"] = "refuse"  # a price in the form, which nobody touched
    given = {**fields_of(base), "limit-0-limit": "310.00", "models": "dear"}
    made = policy_document(form.merged(base, text, given))
    assert made["limits"][0]["limit"] == "310.00"
    assert made["limits"][0]["temporary"]["limit"] == "400.00"
    assert made["caps"]["max_output_tokens"] == 77
    assert made["allow"]["models"] == ["dear"]
    assert made["unpriced_models"] == "refuse"


def test_limits_are_added_with_a_name_of_their_own_and_taken_out() -> None:
    content = content_of(WHOLE)
    more = form.merged(content, content, {**fields_of(content), "do": "add"})
    assert [one["name"] for one in more["limits"]] == ["budget", "rpm", "limit-1"]
    policy_document(more)
    fewer = form.merged(content, content, {**fields_of(content), "do": "remove-0"})
    assert [one["name"] for one in fewer["limits"]] == ["rpm"]


def test_another_meter_has_its_amount_written_its_way() -> None:
    content = content_of(WHOLE)
    made = form.merged(
        content, content, {**fields_of(content), "limit-0-meter": "tokens", "limit-0-limit": "500"}
    )
    assert made["limits"][0]["limit"] == 500


def test_a_text_that_no_form_can_show_keeps_what_it_says() -> None:
    odd = {"limits": "none", "caps": {"max_output_tokens": 5}}
    assert form.form_of(odd) is None
    assert form.merged(odd, odd, {form.SHOWN: "yes", "models": "x", "do": "add"}) == odd
