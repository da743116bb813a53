"""One call in full: the way it took, what it was charged by, what it was held to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from console.calls import charge, story
from orbit.lib import access
from quotas.models import ContractPrice, Price
from quotas.rates import Rates
from tests.console.conftest import Tenant

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
RATES: dict[str, Any] = {
    "input": 2_500_000_000, "cached_input": 1_250_000_000, "output": 10_000_000_000, "reasoning": 12_000_000_000,
    "units": {"web_searches": 10_000_000_000, "requests": 1_000_000},
    "services": {"priority": {"input": 5_000_000_000, "output": 20_000_000_000}},
    "tiers": [{"above_input_tokens": 200_000, "input": 6_000_000_000, "output": 15_000_000_000}],
}  # fmt: skip


@pytest.fixture(scope="module")
def listed(database: None) -> Price:
    return Price.objects.create(
        provider="openai",
        model="charged-here",
        rates=RATES,
        valid_from=NOW - timedelta(days=9),
        source="a list",
    )


def shown(tenant: Tenant, **fields: Any) -> Any:
    call = tenant.call(NOW, **fields)
    answer = tenant.client().get(f"{tenant.path}calls/{call.event_id}/")
    assert answer.status_code == 200
    return answer


@pytest.mark.parametrize(
    ("used", "lines"),
    [
        ({"input_tokens": 1000, "output_tokens": 100}, ["Input", "Output", "Requests"]),
        (
            {"input_tokens": 1000, "cached_input_tokens": 640, "output_tokens": 100, "reasoning_tokens": 60},
            ["Input", "Input read from the cache", "Output", "Reasoning", "Requests"],
        ),
        ({"input_tokens": 300_001, "output_tokens": 7}, ["Input", "Output", "Requests"]),
        (
            {"input_tokens": 11, "output_tokens": 7, "detail": {"service_tier": "priority"}},
            ["Input", "Output", "Requests"],
        ),
        (
            {"input_tokens": 11, "output_tokens": 7, "detail": {"web_searches": 3}},
            ["Input", "Output", "Web searches", "Requests"],
        ),
    ],
)
def test_lines_make_the_amount_that_the_price_makes(
    tenant: Tenant, listed: Price, used: dict[str, Any], lines: list[str]
) -> None:
    detail = used.get("detail", {})
    cost = Rates.parse(RATES, "x").cost_nano(
        used["input_tokens"],
        used["output_tokens"],
        cached=used.get("cached_input_tokens", 0),
        parts={"reasoning": used["reasoning_tokens"]} if "reasoning_tokens" in used else {},
        units={"web_searches": detail["web_searches"]} if "web_searches" in detail else {},
        service_tier=detail.get("service_tier"),
    )
    answer = shown(tenant, cost_nano=cost, price_version=listed.version, **used)
    found: charge.Charge = answer.context["charge"]
    assert sorted(line.what for line in found.lines) == sorted(lines)
    assert found.agrees is True
    assert "The list price of openai charged-here" in answer.content.decode()


def test_lines_that_make_another_amount_are_told(tenant: Tenant, listed: Price) -> None:
    answer = shown(tenant, cost_nano=1, price_version=listed.version)
    assert answer.context["charge"].agrees is False
    assert "another amount than was charged" in answer.content.decode()


def test_a_contract_is_told_with_the_list_that_it_is_taken_from(tenant: Tenant, listed: Price) -> None:
    with access.scope(organization_id=tenant.organization.pk):
        contract = ContractPrice.objects.create(
            organization=tenant.organization, provider="openai", model="charged-*", discount_percent=Decimal("12.5"), author="fin@example.org"
        )  # fmt: skip
    rates = Rates.parse(contract.document(RATES) or {}, "x")
    answer = shown(
        tenant,
        cost_nano=rates.cost_nano(1200, 34),
        price_version=f"{contract.version}+{listed.version}",
    )
    page = answer.content.decode()
    assert answer.context["charge"].agrees is True
    assert "12.5% off the list" in page
    assert "fin@example.org" in page


@pytest.mark.parametrize("version", ["policy-ceiling", "a list#99999999", "contract#99999999", "odd", None])
def test_a_price_that_is_not_there_is_said_so(tenant: Tenant, version: str | None) -> None:
    answer = shown(tenant, price_version=version)
    assert answer.context["charge"].lines == []


def test_another_organizations_contract_is_not_shown(tenant: Tenant, other: Tenant, listed: Price) -> None:
    with access.scope(organization_id=other.organization.pk):
        theirs = ContractPrice.objects.create(
            organization=other.organization,
            provider="openai",
            model="charged-*",
            discount_percent=5,
            author="x",
        )
    found = shown(tenant, price_version=theirs.version).context["charge"]
    assert found.contract is None


def test_the_way_of_a_fallback_is_told_from_the_clients_word_on(tenant: Tenant) -> None:
    attempts = [
        {
            "account": "first",
            "model": "m1",
            "http_status": 503,
            "error": "upstream_error",
            "duration_ms": 250,
        },
        {"account": "second", "model": "m2", "http_status": 200, "duration_ms": 700},
    ]
    answer = shown(
        tenant, model="spare", account="second", upstream_model="m2", duration_ms=1000, first_token_ms=400,
        detail={"requested_model": "assistant", "attempts": attempts},
    )  # fmt: skip
    assert [(one.what, one.name) for one in answer.context["route"]] == [
        ("asked for", "assistant"),
        ("fell back to", "spare"),
        ("account", "second"),
        ("the provider’s model", "m2"),
    ]
    timing: story.Timing = answer.context["timing"]
    assert [(one.look, one.x, one.width) for one in timing.spans] == [
        ("failed", 0, 250),
        ("attempt", 250, 700),
        ("gateway", 950, 50),
    ]
    assert timing.first_token_x == 400


def test_limits_are_those_of_the_revision_that_the_event_names(tenant: Tenant) -> None:
    answer = shown(
        tenant,
        policy_version="default@1,gone@3",
        detail={"reserved": {"input_tokens": 1300, "output_tokens": 500, "cost_nano": 900_000}},
    )
    default, gone = answer.context["policies"]
    assert [(one.limit.name, one.reserved, one.used) for one in default.limits] == [
        ("rpm", 1, 1),
        ("budget", 900_000, 123_456),
        ("inflight", 1, 1),
    ]
    assert gone.revision is None
    page = answer.content.decode()
    assert "revision 3, which is not there any more" in page
    assert "given back" in page


def test_corrections_stand_beside_what_they_correct(tenant: Tenant) -> None:
    call = tenant.call(NOW)
    tenant.call(NOW, kind="correction", corrects=call.event_id, cost_nano=-23_456, input_tokens=-200)
    page = tenant.client().get(f"{tenant.path}calls/{call.event_id}/").content.decode()
    assert "$0.000123456" in page
    assert "$0.0001 with corrections" in page


def test_an_id_can_be_copied_and_a_tag_followed(tenant: Tenant) -> None:
    page = shown(tenant, detail={"tags": {"team a": "x&y"}}).content.decode()
    assert 'data-copy="request-id"' in page
    assert f'href="{tenant.path}calls/?tag=team%20a%3Dx%26y"' in page


def test_other_organizations_and_strangers_meet_nothing(tenant: Tenant, other: Tenant, outsider: Any) -> None:
    call = tenant.call(NOW)
    assert other.client().get(f"{other.path}calls/{call.event_id}/").status_code == 404
    assert outsider.get(f"{tenant.path}calls/").status_code == 404
    assert outsider.get(f"{tenant.path}calls/{call.event_id}/").status_code == 404


def test_what_was_not_inspected_is_told_with_what_was_found(tenant: Tenant) -> None:
    told = {
        "findings": [
            {"type": "EMAIL_ADDRESS", "direction": "request", "place": "user", "action": "mask", "count": 3},
            {"type": "PERSON", "direction": "answer", "place": "assistant", "action": "block", "count": 1, "shadow": True},
        ],
        "uninspected": [
            {"direction": "request", "reason": "cap"},
            {"direction": "answer", "reason": "full", "what": "names"},
        ],
    }  # fmt: skip
    page = shown(tenant, detail={"dlp": told}).content.decode()
    assert "A part of the request was not looked at: it was longer than the policy has inspected." in page
    assert "Names in the answer were not looked for by the model: too many waited for the model." in page
    assert "EMAIL_ADDRESS" in page
    assert '<span class="badge">shadow</span>' in page
    assert "Personal data and secrets" not in shown(tenant, detail={}).content.decode()
