"""A call goes on elsewhere when its provider provably did no work, within its limits, and its event tells the way."""

from __future__ import annotations

from typing import Any

import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.conftest import MakeTenant, Tenant
from tests.proxy.conftest import LIMITS, ApiOf, code_of, hello

FINE = "gpt-4o-mini"
CLOSED = "http://127.0.0.1:9/v1"  # nobody listens at the port to discard


def account(name: str, provider: ProviderHandle, **fields: Any) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "openai_compatible",
        "base_url": provider.base_url,
        "prices_as": "openai",
        "credential": {"value": "sk-demo-tests"},
        **fields,
    }


def target(account: str, model: str = FINE, weight: int = 0) -> dict[str, Any]:
    return {"account": account, "model": model, "weight": weight}


@pytest.fixture
def routed(make_tenant: MakeTenant, provider: ProviderHandle) -> Any:
    """`routed([targets], fallbacks=…)`: a tenant whose model `gpt-4o-mini` is routed so."""

    def make(targets: list[dict[str, Any]], *others: dict[str, Any], **fields: Any) -> Tenant:
        limits = fields.pop("limits", LIMITS)
        targets[0] = {**targets[0], "weight": 1}
        accounts = [account(name, provider) for name in ("first", "second")]
        accounts.append(account("broke", provider, credential={"value": "sk-demo-broke"}))
        accounts.append(account("locked", provider, credential={"value": "sk-wrong"}))
        route = {"alias": FINE, "targets": targets, **fields}
        return make_tenant(
            entry={"provider_accounts": accounts, "models": [route, *others]},
            limits=limits,
            unpriced_models={"input": "1.00", "output": "2.00"},  # what misbehaves has an odd name
        )

    return make


@pytest.mark.parametrize("status", [429, 500, 502, 503, 529])
@pytest.mark.parametrize("stream", [False, True])
def test_second_target_serves_what_the_first_refuses(
    routed: Any, api_of: ApiOf, status: int, stream: bool
) -> None:
    tenant = routed([target("first", f"{FINE}?status={status}"), target("second")])
    answer = api_of(tenant).chat(stream=stream)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-orbit-account"] == "second"
    assert answer.headers["x-orbit-attempts"] == "2"
    (event,) = tenant.events()
    first, second = event["attempts"]
    assert (first["account"], first["http_status"], first["cost_nano"]) == ("first", status, 0)
    assert (second["account"], second["http_status"]) == ("second", 200)
    assert second["cost_nano"] == event["cost_nano"] > 0
    assert (event["status"], event["account"], event["usage_source"]) == ("settled", "second", "provider")


@pytest.mark.parametrize("name", ["broke", "locked"])
def test_account_without_money_or_a_good_credential_is_taken_out_of_rotation(
    routed: Any, api_of: ApiOf, name: str
) -> None:
    tenant = routed([target(name), target("second")])
    api = api_of(tenant)
    attempts = [api.chat().headers["x-orbit-attempts"] for _ in range(3)]
    assert attempts == ["2", "1", "1"]
    assert [one["account"] for event in tenant.events() for one in event["attempts"]] == [
        name,
        "second",
        "second",
        "second",
    ]


def test_same_account_is_tried_again_as_often_as_the_route_says(routed: Any, api_of: ApiOf) -> None:
    tenant = routed([target("first", f"{FINE}?status=503&times=2&key={id(routed)}")], retries=2)
    answer = api_of(tenant).chat()
    assert (answer.status_code, answer.headers["x-orbit-attempts"]) == (200, "3")


def test_no_retries_where_the_route_wants_none(routed: Any, api_of: ApiOf) -> None:
    tenant = routed([target("first", f"{FINE}?status=503")], retries=0)
    answer = api_of(tenant).chat()
    assert code_of(answer) == (502, "upstream_error")
    assert answer.headers["x-orbit-attempts"] == "1"


def test_bad_request_of_the_client_is_no_reason_to_go_elsewhere(routed: Any, api_of: ApiOf) -> None:
    tenant = routed([target("first", f"{FINE}?refuse_params=seed"), target("second")])
    answer = api_of(tenant).chat(seed=1)
    assert (answer.status_code, answer.headers["x-orbit-attempts"]) == (400, "1")
    assert answer.json()["error"]["param"] == "seed"


def test_silent_provider_may_have_worked_and_is_not_repeated(routed: Any, api_of: ApiOf) -> None:
    tenant = routed(
        [target("first", f"{FINE}?first_ms=60000"), target("second")],
        timeouts={"first_byte_s": 1},
    )
    answer = api_of(tenant).chat(max_tokens=20)
    assert code_of(answer) == (504, "upstream_timeout")
    (event,) = tenant.events()
    assert [one["account"] for one in event["attempts"]] == ["first"]
    assert event["usage_source"] == "estimated"
    assert event["output_tokens"] == 20


def test_fallback_counts_under_its_own_alias_and_limits(
    routed: Any, api_of: ApiOf, provider: ProviderHandle
) -> None:
    limits = [
        *LIMITS,
        {"name": "of-first", "meter": "tokens", "per": "day", "limit": 1_000_000, "models": [FINE]},
        {"name": "of-steady", "meter": "tokens", "per": "day", "limit": 1_000_000, "models": ["steady"]},
    ]
    steady = {"alias": "steady", "targets": [{"account": "second", "model": "gpt-4o"}]}
    tenant = routed([target("first", f"{FINE}?status=500")], steady, fallbacks=["steady"], limits=limits)
    api = api_of(tenant)
    assert api.chat(messages=hello("tokens=30")).status_code == 200
    (event,) = tenant.events()
    assert (event["model"], event["requested_model"], event["upstream_model"]) == ("steady", FINE, "gpt-4o")
    found = api.limits()
    used = event["input_tokens"] + event["output_tokens"]
    assert (found["of-first"]["spent"], found["of-first"]["held"]) == (0, 0)
    assert (found["of-steady"]["spent"], found["of-steady"]["held"]) == (used, 0)
    assert found["tpd"]["spent"] == used


def test_fallback_whose_limit_is_full_is_not_used(routed: Any, api_of: ApiOf) -> None:
    limits = [
        *LIMITS,
        {"name": "of-steady", "meter": "tokens", "per": "day", "limit": 10, "models": ["steady"]},
    ]
    steady = {"alias": "steady", "targets": [{"account": "second", "model": "gpt-4o"}]}
    tenant = routed([target("first", f"{FINE}?status=500")], steady, fallbacks=["steady"], limits=limits)
    api = api_of(tenant)
    answer = api.chat()
    assert code_of(answer) == (502, "upstream_error")
    assert answer.headers["x-orbit-account"] == "first"
    assert (api.limits()["of-steady"]["spent"], api.limits()["of-steady"]["held"]) == (0, 0)


def test_fallback_that_the_key_may_not_use_is_not_used(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle
) -> None:
    routes = [
        {"alias": FINE, "targets": [target("first", f"{FINE}?status=500", 1)], "fallbacks": ["steady"]},
        {"alias": "steady", "targets": [target("first", "gpt-4o", 1)]},
    ]
    tenant = make_tenant(
        entry={"provider_accounts": [account("first", provider)], "models": routes},
        allow={"models": [FINE]},
    )
    assert code_of(api_of(tenant).chat()) == (502, "upstream_error")


def test_dearest_target_is_reserved(routed: Any, api_of: ApiOf) -> None:
    cheap = routed([target("first", FINE)])
    both = routed([target("first", FINE), target("second", "gpt-4o")])
    for tenant in (cheap, both):
        assert api_of(tenant).chat(max_tokens=100).status_code == 200
    reserved = [tenant.events()[0]["reserved"]["cost_nano"] for tenant in (cheap, both)]
    assert reserved[1] > 10 * reserved[0]


def test_failing_provider_is_left_alone_after_five_failures(routed: Any, api_of: ApiOf) -> None:
    tenant = routed([target("first", f"{FINE}?status=500")], retries=0)
    api = api_of(tenant)
    answers = [api.chat() for _ in range(7)]
    assert {code_of(answer) for answer in answers} == {(502, "upstream_error")}
    assert ["x-orbit-attempts" in answer.headers for answer in answers] == [True] * 5 + [False] * 2
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert len(tenant.events()) == 5  # what is not admitted is no call


def test_weights_share_calls_and_affinity_keeps_them_together(routed: Any, api_of: ApiOf) -> None:
    both = [target("first", FINE, 1), target("second", FINE, 1)]
    spread = routed([dict(one) for one in both])
    kept = routed([dict(one) for one in both], affinity="end_user")
    used = {api_of(spread).chat().headers["x-orbit-account"] for _ in range(20)}
    assert used == {"first", "second"}
    for user in ("ann", "bob", "cyd"):
        assert len({api_of(kept).chat(user=user).headers["x-orbit-account"] for _ in range(4)}) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_target_that_has_no_words_for_the_request_is_passed_over(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle, stream: bool
) -> None:
    accounts = [account("claude", provider, kind="anthropic"), account("first", provider, kind="openai")]
    targets = [target("claude", "claude-haiku-4-5", 1), target("first")]
    tenant = make_tenant(
        entry={"provider_accounts": accounts, "models": [{"alias": FINE, "targets": targets}]},
        unpriced_models={"input": "1.00", "output": "2.00"},
    )
    answer = api_of(tenant).chat(stream=stream, logit_bias={"50256": -100})
    assert answer.status_code == 200, answer.text
    assert (answer.headers["x-orbit-account"], answer.headers["x-orbit-attempts"]) == ("first", "1")


def test_plain_call_holds_all_that_its_next_target_may_write(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle
) -> None:
    """The first hides its output and is reserved in full; a plain call is not metered at the second either."""
    route = {
        "alias": FINE,
        "targets": [target("first", "gpt-5?status=403", 1), target("first", "gpt-4o-mini")],
        "retries": 0,
    }
    tenant = make_tenant(
        entry={"provider_accounts": [account("first", provider)], "models": [route]},
        output_reserve="learned",
        limits=LIMITS,
        unpriced_models={"input": "1.00", "output": "2.00"},
    )
    api = api_of(tenant)
    for _ in range(25):
        assert api.chat(messages=hello("tokens=3"), max_completion_tokens=500, stream=True).status_code == 200
    assert api.chat(messages=hello("tokens=3"), max_completion_tokens=500).status_code == 200
    assert tenant.events()[-1]["reserved"]["output_tokens"] == 500
