"""`manage.py prices`: what is shown is what is charged."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orbit.lib import access
from quotas.contracts import rates_document, set_contract_price
from quotas.models import Price
from tenants.models import Organization
from tests.conftest import MakeTenant, Tenant
from tests.tenants.conftest import Answer, run


@pytest.fixture
def model() -> str:
    return f"m-{secrets.token_hex(6)}"


def prices(*argv: str) -> Answer:
    return run("prices", *argv, "--json")


def show(model: str, *argv: str) -> list[dict[str, Any]]:
    answer = prices("show", "--provider", "openai", "--model", model, *argv)
    assert answer.code == 0, answer.err
    found: list[dict[str, Any]] = answer.json["prices"]
    return found


def add(model: str, *argv: str) -> Answer:
    return prices("add", "--provider", "openai", "--model", model, *argv)


def test_added_price_is_shown_with_what_follows_it(model: str) -> None:
    first = add(model, "--input", "2.00", "--output", "8.00")
    later = add(
        model, "--input", "3.00", "--output", "9.00", "--cached-input", "0.30", "--from", "2031-01-01"
    )
    now, then = show(model)
    assert (now["input"], now["output"], now["version"]) == ("2.00", "8.00", first.json["version"])
    assert (then["from"], then["input"], then["cached_input"]) == (
        "2031-01-01T00:00:00.000000Z",
        "3.00",
        "0.30",
    )
    assert then["version"] == later.json["version"]
    (alone,) = show(model, "--at", "2031-06-01")
    assert alone["input"] == "3.00"


def test_packages_tiers_and_tools_are_shown(make_tenant: MakeTenant) -> None:
    route = {"models": [{"alias": "own", "targets": [{"account": "demo", "model": "gpt-5.4"}]}]}
    make_tenant(entry=route)
    (shown,) = show("gpt-5.4")
    assert shown["tiers"][0]["above_input_tokens"] == 272_000
    assert shown["services"]["priority"]["input"] == "5.00"
    assert shown["units"]["web_searches"] == "10.00"


def test_contract_is_shown_to_its_organization_alone(tenant: Tenant) -> None:
    book = show("gpt-4o")
    row = set_contract_price(
        organization_id=tenant.id,
        provider="openai",
        model="gpt-4o*",
        account="demo",
        discount_percent=Decimal(50),
        actor="test",
    ).row
    (ours,) = show("gpt-4o", "--organization", tenant.slug, "--account", "demo")
    assert Decimal(ours["input"]) * 2 == Decimal(book[0]["input"])
    assert ours["version"].startswith(f"contract#{row.pk}+")
    assert show("gpt-4o", "--organization", tenant.slug)[0]["input"] == book[0]["input"]
    listed = prices("list", "--organization", tenant.slug).json["prices"]
    assert [(one["model"], one["discount_percent"]) for one in listed] == [("gpt-4o*", "50")]


def test_past_contract_is_shown_as_it_stood(tenant: Tenant) -> None:
    def agree(price: str) -> datetime:
        rates = rates_document({"input": price, "output": price})
        set_contract_price(
            organization_id=tenant.id, provider="openai", model="gpt-4o", rates=rates, actor="test"
        )
        return datetime.now(UTC)

    since = agree("1.00")
    agree("2.00")
    ours = ("--organization", tenant.slug)
    assert show("gpt-4o", *ours)[0]["input"] == "2.00"
    assert show("gpt-4o", *ours, "--at", since.isoformat())[0]["input"] == "1.00"


def test_model_without_a_price_is_said_to_be_refused(model: str) -> None:
    assert show(model) == []
    words = run("prices", "show", "--provider", "openai", "--model", model).out
    assert "refused where a cost limit applies" in words


def test_import_adds_all_or_nothing(model: str, tmp_path: Path) -> None:
    file = tmp_path / "prices.jsonl"
    good = {
        "provider": "openai",
        "model": model,
        "input": "1.00",
        "output": "2.00",
        "units": {"web_searches": "5.00"},
        "source": "list of May",
    }
    for wrong, where in [
        ({**good, "inptu": "1"}, "line 2: inptu"),
        ({**good, "input": "0"}, "line 2: input"),
        ({**good, "discount_percent": "5", "input": None, "output": None, "units": None}, "line 2"),
        ({name: value for name, value in good.items() if name != "source"}, "line 2"),
        ([], "line 2"),
    ]:
        file.write_text(f"{json.dumps(good)}\n{json.dumps(wrong)}\n")
        answer = prices("import", str(file))
        assert answer.code == 2
        assert where in answer.err
        assert show(model) == []
    file.write_text(f"{json.dumps(good)}\n\n")
    assert len(prices("import", str(file)).json["versions"]) == 1
    (shown,) = show(model)
    assert (shown["input"], shown["units"]) == ("1.00", {"web_searches": "5.00"})
    assert shown["version"].startswith("list of May#")


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"from": "2020-01-01T00:00:00Z"}, "line 2: from"),
        ({"source": "genai-prices 9"}, "line 2: source"),
        ({"source": "x" * 121}, "line 2: source"),
        ({"from": "2031-01-01T00:00:00Z"}, "line 2: from"),  # as the first line
    ],
    ids=["past", "the package's", "long", "twice"],
)
def test_what_an_import_refuses_its_rehearsal_refuses(
    model: str, tmp_path: Path, more: dict[str, str], where: str
) -> None:
    good = {"provider": "openai", "model": model, "input": "1.00", "output": "2.00", "source": "list of May"}
    file = tmp_path / "prices.jsonl"
    file.write_text(f"{json.dumps(good | {'from': '2031-01-01T00:00:00Z'})}\n{json.dumps(good | more)}\n")
    for argv in (("--dry-run",), ()):
        answer = prices("import", str(file), *argv)
        assert (answer.code, where in answer.err) == (2, True), answer.err
        assert show(model) == []


def test_a_rehearsal_leaves_no_price_no_act_and_no_new_version(
    model: str, make_tenant: MakeTenant, tmp_path: Path
) -> None:
    route = {"models": [{"alias": "own", "targets": [{"account": "demo", "model": model}]}]}
    tenant = make_tenant(entry=route)
    before = (tenant.events("act"), _version(tenant))
    file = tmp_path / "prices.jsonl"
    line = {"provider": "openai", "model": model, "input": "1.00", "output": "2.00", "source": "list of May"}
    file.write_text(json.dumps(line))
    (report,) = prices("import", str(file), "--dry-run").json["prices"]
    assert (report["before"], report["after"]["input"]) == (None, "1.00")
    assert show(model) == []
    assert (tenant.events("act"), _version(tenant)) == before
    prices("import", str(file))
    assert [one["action"] for one in tenant.events("act")][-1] == "price.book"
    assert _version(tenant) > before[1]


def _version(tenant: Tenant) -> int:
    with access.operator():
        return Organization.objects.get(pk=tenant.id).version


def test_seed_says_what_has_no_price_and_leaves_what_was_added_by_hand(
    model: str, make_tenant: MakeTenant
) -> None:
    route = {"models": [{"alias": "own", "targets": [{"account": "demo", "model": model}]}]}
    make_tenant(entry=route)
    assert f"openai/{model}" in prices("seed").json["unpriced"]
    add(model, "--input", "2.00", "--output", "8.00")
    report = prices("seed").json
    assert f"openai/{model}" not in report["unpriced"]
    assert report["changed"] == []
    assert Price.objects.filter(model=model).count() == 1


@pytest.mark.parametrize(
    "argv",
    [
        ("show", "--provider", "openai", "--model", "m", "--at", "soon"),
        ("show", "--provider", "openai", "--model", "m", "--organization", "nobody-here"),
        ("list", "--organization", "nobody-here"),
        ("add", "--provider", "openai", "--model", "m", "--input", "0", "--output", "1"),
        (
            "add",
            "--provider",
            "openai",
            "--model",
            "m",
            "--input",
            "1",
            "--output",
            "1",
            "--from",
            "2020-01-01",
        ),
        ("import", "/nowhere/prices.jsonl"),
    ],
)
def test_bad_input_is_told(argv: tuple[str, ...]) -> None:
    assert prices(*argv).code == 2


def test_words_are_one_line_a_price(model: str) -> None:
    add(model, "--input", "2.00", "--output", "8.00", "--source", "list")
    out = run("prices", "show", "--provider", "openai", "--model", model).out
    assert "input 2.00" in out
    assert "output 8.00" in out
    assert "list#" in out
    listed = run("prices", "list", "--provider", "openai").out
    assert f"openai {model}" in listed
