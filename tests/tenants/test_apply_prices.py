"""Contract prices in the declarative file: applied, told by path when wrong, exported, pruned."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest

from orbit.lib import access
from quotas.models import ContractPrice
from quotas.rates import PARTS, UNITS, WHOLES
from tenants.models import Organization
from tenants.schema.prices import ContractPrice as Entry
from tenants.schema.prices import Units
from tests.tenants.conftest import Apply, export

OWN = {
    "provider": "openai",
    "model": "gpt-4o-mini",
    "account": "own",
    "input": "0.10",
    "cached_input": "0.00",
    "output": "0.40",
    "units": {"web_searches": "8.00"},
    "from": "2031-01-01T00:00:00.000000Z",
    "until": "2032-01-01T00:00:00.000000Z",
}
DISCOUNT = {"provider": "openai", "model": "gpt-4o*", "discount_percent": "12.5"}
FREE = {"provider": "openai", "model": "llama", "account": "own", "free": True}


@pytest.fixture
def priced(entry: dict[str, Any]) -> dict[str, Any]:
    return entry | {"prices": copy.deepcopy([OWN, DISCOUNT, FREE])}


def rows(slug: str) -> list[ContractPrice]:
    with access.operator():
        organization_id = Organization.objects.get(slug=slug).pk
    with access.scope(organization_id=organization_id):
        return list(ContractPrice.objects.live())


def test_prices_are_stored_as_the_file_says(apply: Apply, priced: dict[str, Any], slug: str) -> None:
    answer = apply(priced)
    assert answer.code == 0, answer.out
    plan = {(step["op"], step["kind"], step["path"]) for step in answer.json["plan"]}
    assert {step for step in plan if step[1] == "price"} == {
        ("create", "price", f"{slug}/openai/gpt-4o-mini@own from 2031-01-01T00:00:00.000000Z"),
        ("create", "price", f"{slug}/openai/gpt-4o*"),
        ("create", "price", f"{slug}/openai/llama@own"),
    }
    own, discount, free = rows(slug)
    assert own.rates == {
        "input": 100_000_000,
        "cached_input": 0,
        "output": 400_000_000,
        "units": {"web_searches": 8_000_000_000},
    }
    assert (discount.rates, discount.discount_percent) == (None, Decimal("12.5"))
    assert free.rates == {"input": 0, "output": 0, "free": True}
    assert own.author == "manage.py apply"


def test_twice_is_the_same_as_once(apply: Apply, priced: dict[str, Any]) -> None:
    apply(priced)
    assert apply(priced).json["plan"] == []


def test_export_is_the_inverse(apply: Apply, priced: dict[str, Any], slug: str) -> None:
    apply(priced)
    exported = export(slug)
    assert sorted(exported["prices"], key=str) == sorted([OWN, DISCOUNT, FREE], key=str)
    assert apply(exported, options=("--json", "--prune")).json["plan"] == []


def test_changed_terms_are_an_update(apply: Apply, priced: dict[str, Any], slug: str) -> None:
    apply(priced)
    priced["prices"][1]["discount_percent"] = "15"
    assert apply(priced).json["plan"] == [
        {"op": "update", "kind": "price", "path": f"{slug}/openai/gpt-4o*", "fields": ["discount_percent"]}
    ]


def test_prune_withdraws_what_the_file_does_not_name(apply: Apply, priced: dict[str, Any], slug: str) -> None:
    apply(priced)
    del priced["prices"][0], priced["prices"][1]
    assert apply(priced).json["plan"] == []
    plan = apply(priced, options=("--json", "--prune")).json["plan"]
    assert {(step["op"], step["kind"], step["path"]) for step in plan} == {
        ("delete", "price", f"{slug}/openai/gpt-4o-mini@own from 2031-01-01T00:00:00.000000Z"),
        ("delete", "price", f"{slug}/openai/llama@own"),
    }
    assert [row.model for row in rows(slug)] == ["gpt-4o*"]


def test_dry_run_agrees_on_nothing(apply: Apply, priced: dict[str, Any], slug: str) -> None:
    apply(priced | {"prices": []})
    assert len(apply(priced, options=("--json", "--dry-run")).json["plan"]) == 3
    assert rows(slug) == []


WRONG: list[tuple[dict[str, Any], str, str, str]] = [
    ({"inptu": "1.00"}, "inptu", "unknown field", "did you mean 'input'?"),
    ({"form": "2031-01-01"}, "form", "unknown field", "did you mean 'from'?"),
    ({"input": 0.1}, "input", "must be an amount in quotes", 'write "0.10"'),
    ({"input": "0"}, "input", "must be more than 0", ""),
    ({"output": "0.00"}, "output", "must be more than 0", ""),
    ({"input": None}, "input", "is missing", "add 'input'"),
    ({"output": None}, "output", "is missing", "add 'output'"),
    ({"cached_input": "-1"}, "cached_input", "must not be negative", ""),
    ({"input": "1e400"}, "input", "must be", ""),
    ({"input": "NaN"}, "input", "must be a finite amount", ""),
    ({"input": True}, "input", "must be an amount in quotes", ""),
    ({"units": {"web_search": "1"}}, "units.web_search", "unknown field", "did you mean 'web_searches'?"),
    ({"units": {"web_searches": "0"}}, "units.web_searches", "must be more than 0", ""),
    ({"discount_percent": "5"}, "", "must hold either prices, discount_percent or free: true", ""),
    ({"free": True}, "", "must hold either prices, discount_percent or free: true", ""),
    ({"free": "yes"}, "free", "must be true or false", ""),
    ({"model": "gpt*mini"}, "model", "may have a * at its end only", "such as gpt-4o*"),
    ({"account": "onw"}, "account", "there is no provider account 'onw'", "did you mean 'own'?"),
    ({"provider": "opnai"}, "provider", "account 'own' is not priced as 'opnai'", "did you mean 'openai'?"),
    ({"from": "soon"}, "from", "'soon' is no time", "such as 2027-01-31"),
    ({"until": "2030-01-01"}, "until", "must be after from", ""),
]


@pytest.mark.parametrize(("change", "field", "message", "suggestion"), WRONG, ids=lambda one: str(one)[:30])
def test_mistakes_are_told_by_path_and_change_nothing(
    apply: Apply, priced: dict[str, Any], change: dict[str, Any], field: str, message: str, suggestion: str
) -> None:
    priced["prices"][0] = {**OWN, **change}
    answer = apply(priced)
    assert answer.code == 2
    path = "organizations[0].prices[0]" + (f".{field}" if field else "")
    error = answer.error_at(path)
    assert message in error["message"]
    assert suggestion in error["suggestion"]


@pytest.mark.parametrize("discount", ["100", "12.34567", "-1000", "much", 1.5, True, "NaN"])
def test_discount_that_cannot_be_meant_is_refused(
    apply: Apply, priced: dict[str, Any], discount: object
) -> None:
    priced["prices"][1]["discount_percent"] = discount
    answer = apply(priced)
    assert answer.code == 2
    assert answer.error_at("organizations[0].prices[1].discount_percent")


def test_same_terms_named_twice_are_refused(apply: Apply, priced: dict[str, Any]) -> None:
    priced["prices"].append(dict(DISCOUNT))
    answer = apply(priced)
    assert answer.code == 2
    assert answer.error_at("organizations[0].prices[3].model")["suggestion"] == "merge the two"


def test_file_knows_every_kind_of_price_there_is() -> None:
    assert {*WHOLES, *PARTS} <= set(Entry.model_fields)
    assert set(Units.model_fields) == set(UNITS)
