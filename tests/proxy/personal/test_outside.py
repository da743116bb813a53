"""Inspectors outside of the gateway in calls: what they find is dealt with as policies say, and so is that they fail."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.audit.test_schema import faults
from tests.conftest import MakeTenant, Tenant
from tests.inspectors import HATEFUL, KEY, NAME, WHSEC, Services
from tests.proxy.conftest import LIMITS, ApiOf, Untouched, code_of
from tests.proxy.personal.conftest import MAIL, found, rule
from tests.proxy.personal.test_requests import ECHO, said, shown
from tests.proxy.roads import CLAUDE, GPT

MASK = rule("mask", "PERSON")


def outside(
    make_tenant: MakeTenant, provider: ProviderHandle, services: Services, kind: str = "presidio", *,
    rules: tuple[dict[str, Any], ...] = (MASK,), mode: str = "well", price: str = "0", **named: Any,
) -> Tenant:  # fmt: skip
    """A tenant whose policy names one inspector, `watch`."""
    secret = {"webhook": WHSEC, "google": services.google_key()}.get(kind, KEY)
    accounts = [
        {"name": name, "kind": name, "base_url": provider.base_url, "credential": {"value": "sk-demo-both"}}
        for name in ("openai", "anthropic")
    ]
    models = [
        {"alias": model, "targets": [{"account": account, "model": model}]}
        for model, account in ((CLAUDE, "anthropic"), (GPT, "openai"))
    ]
    inspector = {
        "name": "watch",
        "kind": kind,
        "base_url": services.url(mode),
        "price": price,
        "credential": {"value": secret},
        **({"options": {"project": "my-project-123"}} if kind == "google" else {}),
    }
    return make_tenant(
        entry={"provider_accounts": accounts, "models": models, "inspectors": [inspector]},
        dlp={"inspectors": [{"name": "watch", **named}], "rules": list(rules)},
        limits=LIMITS,
    )


@pytest.mark.parametrize("kind", ["presidio", "google", "webhook"])
def test_places_that_it_finds_are_replaced(
    make_tenant: MakeTenant, provider: ProviderHandle, services: Services, api_of: ApiOf, kind: str
) -> None:
    tenant = outside(make_tenant, provider, services, kind)
    answer = api_of(tenant).chat(model=GPT, messages=said(f"I am {NAME} {ECHO}"))
    assert shown(answer).startswith("I am [PERSON]")
    assert found(tenant) == [("PERSON", "request", "user", "mask", "1")]
    (event,) = tenant.events()
    (row,) = event["dlp"]["inspectors"]
    assert (row["name"], row["direction"], row["texts"], row["requests"]) == ("watch", "request", 1, 1)
    assert faults(event) == []
    assert NAME not in orjson.dumps(event).decode()


def test_values_that_it_finds_come_back_in_the_answer(
    make_tenant: MakeTenant, provider: ProviderHandle, services: Services, api_of: ApiOf
) -> None:
    tenant = outside(
        make_tenant, provider, services, rules=(rule("tokenize", "PERSON", direction="request"),)
    )
    answer = api_of(tenant).chat(model=GPT, messages=said(f"I am {NAME}, hello {ECHO}"))
    assert shown(answer).startswith(f"I am {NAME}, hello")


@pytest.mark.parametrize("kind", ["openai_moderation", "webhook"])
def test_what_it_judges_to_be_hateful_is_refused(
    make_tenant: MakeTenant, provider: ProviderHandle, services: Services, api_of: ApiOf, kind: str
) -> None:
    tenant = outside(make_tenant, provider, services, kind, rules=(rule("block", "HATE"),))
    api = api_of(tenant)
    untouched = Untouched(provider, api, tenant)
    answer = api.chat(model=GPT, messages=said(f"this is {HATEFUL}"))
    assert code_of(answer) == (400, "content_blocked")
    untouched.check()
    assert api.chat(model=GPT, messages=said("this is kind")).status_code == 200


def test_a_judgement_of_a_whole_text_replaces_nothing(
    make_tenant: MakeTenant, provider: ProviderHandle, services: Services, api_of: ApiOf
) -> None:
    tenant = outside(
        make_tenant, provider, services, "openai_moderation", rules=(rule("mask"), rule("log", "HATE"))
    )
    answer = api_of(tenant).chat(model=GPT, messages=said(f"this is {HATEFUL} {ECHO}"))
    assert shown(answer).startswith(f"this is {HATEFUL}")
    assert found(tenant) == [("HATE", "request", "user", "log", "1")]


@pytest.mark.parametrize(("threshold", "status"), [(0.95, 200), (0.2, 400)])
def test_thresholds_by_type_stand_in_the_place_of_a_rules(
    make_tenant: MakeTenant,
    provider: ProviderHandle,
    services: Services,
    api_of: ApiOf,
    threshold: float,
    status: int,
) -> None:
    tenant = outside(
        make_tenant, provider, services, "openai_moderation", rules=(rule("block", "HATE", threshold=1),),
        thresholds={"HATE": threshold},
    )  # fmt: skip
    assert api_of(tenant).chat(model=GPT, messages=said(f"this is {HATEFUL}")).status_code == status


def test_it_gets_what_our_own_masking_leaves(
    make_tenant: MakeTenant, provider: ProviderHandle, services: Services, api_of: ApiOf
) -> None:
    tenant = outside(make_tenant, provider, services, rules=(rule("mask"),))
    answer = api_of(tenant).chat(model=GPT, messages=said(f"behind the mask {MAIL} {NAME} {ECHO}"))
    assert shown(answer).startswith("behind the mask [EMAIL_ADDRESS] [PERSON]")
    (asked,) = services.with_text("behind the mask")
    assert MAIL not in asked.body.decode()


def test_it_gets_texts_as_they_came_where_the_policy_says_so(
    make_tenant: MakeTenant, provider: ProviderHandle, services: Services, api_of: ApiOf
) -> None:
    tenant = outside(make_tenant, provider, services, rules=(rule("mask"),), before_masking=True)
    answer = api_of(tenant).chat(model=GPT, messages=said(f"before the mask {MAIL} {NAME} {ECHO}"))
    assert shown(answer).startswith("before the mask [EMAIL_ADDRESS] [PERSON]")
    (asked,) = services.with_text("before the mask")
    assert MAIL in asked.body.decode()


@pytest.mark.parametrize("mode", ["slow", "error", "garbled", "wrong", "redirect"])
def test_a_failure_refuses_the_call(
    make_tenant: MakeTenant, provider: ProviderHandle, services: Services, api_of: ApiOf, mode: str
) -> None:
    tenant = outside(make_tenant, provider, services, mode=mode, deadline_ms=300)
    api = api_of(tenant)
    untouched = Untouched(provider, api, tenant)
    answer = api.chat(model=GPT, messages=said(f"I am {NAME}, {mode}"))
    assert code_of(answer) == (503, "not_inspected")
    assert "'watch'" in answer.json()["error"]["message"]
    untouched.check()


def test_a_failure_passes_and_is_told_where_the_policy_says_so(
    make_tenant: MakeTenant, provider: ProviderHandle, services: Services, api_of: ApiOf
) -> None:
    tenant = outside(make_tenant, provider, services, mode="error", on_failure="pass", price="2.00")
    assert api_of(tenant).chat(model=GPT, messages=said(f"I am {NAME}")).status_code == 200
    (event,) = tenant.events()
    assert event["dlp"]["uninspected"] == [{"direction": "request", "reason": "failed", "by": "watch"}]
    assert event["dlp"]["inspectors"][0]["cost_nano"] == 2_000_000


def test_a_text_is_sent_once_and_remembered(
    make_tenant: MakeTenant, provider: ProviderHandle, services: Services, api_of: ApiOf
) -> None:
    tenant = outside(make_tenant, provider, services, price="1.00")
    first = said("the first turn of it")
    assert api_of(tenant).chat(model=GPT, messages=first).status_code == 200
    assert api_of(tenant).chat(model=GPT, messages=[*first, *said("and the second")]).status_code == 200
    assert len(services.with_text("the first turn of it")) == 1
    rows = [event["dlp"]["inspectors"][0] for event in tenant.events()]
    assert [(row["texts"], row["remembered"], row["requests"], row["cost_nano"]) for row in rows] == [
        (1, 0, 1, 1_000_000),
        (2, 1, 1, 1_000_000),
    ]


def test_what_it_costs_is_told_apart_from_what_the_call_costs(
    make_tenant: MakeTenant, provider: ProviderHandle, services: Services, api_of: ApiOf
) -> None:
    """The call's own cost is what its provider bills, and is compared with that."""
    costs = []
    for price in ("0", "1000.00"):
        tenant = outside(make_tenant, provider, services, price=price)
        assert api_of(tenant).chat(model=GPT, messages=said("what does it cost")).status_code == 200
        (event,) = tenant.events()
        costs.append((event["cost_nano"], event["dlp"]["inspectors"][0]["cost_nano"]))
    assert costs == [(costs[0][0], 0), (costs[0][0], 1_000_000_000)]


def test_calls_of_a_policy_that_names_none_send_nothing(
    make_tenant: MakeTenant, provider: ProviderHandle, services: Services, api_of: ApiOf
) -> None:
    tenant = make_tenant(dlp={"rules": [rule("mask")]})
    assert api_of(tenant).chat(messages=said("nobody asked for this")).status_code == 200
    assert services.with_text("nobody asked for this") == []


def test_a_plain_answer_is_inspected_and_changed(
    make_tenant: MakeTenant, provider: ProviderHandle, services: Services, api_of: ApiOf
) -> None:
    """The provider repeats what it was told, so the name is in its answer alone once requests are not inspected."""
    tenant = outside(make_tenant, provider, services, on="answer")
    answer = api_of(tenant).chat(model=GPT, messages=said(f"I am {NAME} {ECHO}"))
    assert shown(answer).startswith("I am [PERSON]")
    assert found(tenant) == [("PERSON", "answer", "assistant", "mask", "1")]


@pytest.mark.parametrize("model", [GPT, CLAUDE])
def test_a_hateful_answer_ends_before_its_first_word(
    make_tenant: MakeTenant, provider: ProviderHandle, services: Services, api_of: ApiOf, model: str
) -> None:
    tenant = outside(
        make_tenant, provider, services, "openai_moderation", rules=(rule("block", "HATE"),), on="answer"
    )
    answer = api_of(tenant).chat(model=model, messages=said(f"this is {HATEFUL} {ECHO}"))
    assert answer.status_code == 200
    (choice,) = answer.json()["choices"]
    assert (choice["finish_reason"], choice["message"].get("content") or "") == ("content_filter", "")
    assert HATEFUL not in answer.text


def test_an_answer_that_could_not_be_inspected_is_empty_or_passes(
    make_tenant: MakeTenant, provider: ProviderHandle, services: Services, api_of: ApiOf
) -> None:
    for on_failure, expected in (("refuse", ""), ("pass", f"I am {NAME}")):
        tenant = outside(make_tenant, provider, services, mode="error", on="answer", on_failure=on_failure)
        answer = api_of(tenant).chat(model=GPT, messages=said(f"I am {NAME} {ECHO}"))
        assert answer.status_code == 200
        told = answer.json()["choices"][0]["message"]["content"]
        assert told.startswith(expected)
        assert bool(told) == bool(expected)
        (event,) = tenant.events()
        assert event["dlp"]["uninspected"] == [{"direction": "answer", "reason": "failed", "by": "watch"}]


def test_a_stream_whose_answer_must_be_inspected_is_refused_by_its_field(
    make_tenant: MakeTenant, provider: ProviderHandle, services: Services, api_of: ApiOf
) -> None:
    tenant = outside(make_tenant, provider, services, on="both")
    answer = api_of(tenant).chat(model=GPT, messages=said("hello"), stream=True)
    assert code_of(answer) == (400, "invalid_request")
    assert answer.json()["error"]["param"] == "stream"
    tenant = outside(make_tenant, provider, services, on="both", on_failure="pass")
    assert api_of(tenant).chat(model=GPT, messages=said("hello"), stream=True).status_code == 200
    (event,) = tenant.events()
    assert event["dlp"]["uninspected"] == [{"direction": "answer", "reason": "stream", "by": "watch"}]
