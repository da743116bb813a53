"""What `limits explain` says of a request is what the gateway then does with it."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx2
import pytest
from django.core.management import call_command

from tests.conftest import MakeTenant, Tenant
from tests.proxy.conftest import Api, ApiOf, hello


def explained(tenant: Tenant, max_output: int, user: str | None) -> dict[str, Any]:
    out = io.StringIO()
    options = ["--key", f"{tenant.slug}/app/main", "--model", "gpt-4o-mini", "--input-tokens", "20"]
    options += ["--max-output-tokens", str(max_output), "--json", *(["--end-user", user] if user else [])]
    call_command("limits", "explain", *options, stdout=out)
    report: dict[str, Any] = json.loads(out.getvalue())
    return report


def asked(api: Api, max_output: int, user: str | None) -> httpx2.Response:
    named: dict[str, Any] = {"user": user} if user else {}
    return api.chat(messages=hello("tokens=5"), max_tokens=max_output, **named)


def agreed_on(tenant: Tenant, api: Api, max_output: int = 10, user: str | None = None) -> str | None:
    """The code of both, None when both admit. The limit that refuses is the same, and so are its figures."""
    report, answer = explained(tenant, max_output, user), asked(api, max_output, user)
    if answer.status_code == 200:
        assert report["code"] is None, report
        return None
    error = answer.json()["error"]
    assert (report["code"], report["refused_by"]) == (error["code"], error["orbit"]["limit"])
    [limit] = [one for one in report["limits"] if one["name"] == report["refused_by"]]
    assert (limit["level"], limit["object"]) == (error["orbit"]["level"], error["orbit"]["object"])
    if report["code"] != "request_exceeds_limit":
        assert limit["limit"] == error["orbit"]["limit_value"]
        assert limit["held"] == error["orbit"]["held"]
    code: str = report["code"]
    return code


def rule(**fields: Any) -> dict[str, Any]:
    return {"name": "one", "meter": "requests", "per": "day", "limit": 2, **fields}


INCREASE = {"limit": 3, "until": "2131-01-01T00:00:00Z"}
ENDED = {"limit": 3, "until": "2020-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("limit", "codes"),
    [
        (rule(), [None, None, "insufficient_quota"]),
        (rule(per="total"), [None, None, "insufficient_quota"]),
        (rule(per="hour"), [None, None, "rate_limited"]),
        (rule(per="hour", limit=20, burst=1), [None, "rate_limited"]),
        (rule(temporary=INCREASE), [None, None, None, "insufficient_quota"]),
        (rule(temporary=ENDED), [None, None, "insufficient_quota"]),
        (rule(per="hour", temporary=INCREASE), [None, None, None, "rate_limited"]),
        (rule(limit=1, shadow=True), [None, None, None]),
        (rule(per="hour", limit=1, shadow=True), [None, None, None]),
        (rule(meter="concurrency", per=None, limit=1), [None, None]),
    ],
    ids=lambda value: str(value)[-60:],
)
def test_on_requests_one_after_another(
    make_tenant: MakeTenant, api_of: ApiOf, limit: dict[str, Any], codes: list[str | None]
) -> None:
    tenant = make_tenant(limits=[limit])
    api = api_of(tenant)
    assert [agreed_on(tenant, api) for _ in codes] == codes


@pytest.mark.parametrize("per", ["day", "hour"])
def test_on_tokens(make_tenant: MakeTenant, api_of: ApiOf, per: str) -> None:
    tenant = make_tenant(limits=[rule(meter="tokens", per=per, limit=1_000)])
    api = api_of(tenant)
    full = "insufficient_quota" if per == "day" else "rate_limited"
    sizes = [(1_100, "request_exceeds_limit"), (900, None), (600, None), (970, full), (600, None)]
    assert [agreed_on(tenant, api, size) for size, _ in sizes] == [code for _, code in sizes]


def test_on_a_request_that_only_an_increase_lets_through(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    raised = {"limit": 2_000, "until": "2131-01-01T00:00:00Z"}
    tenant = make_tenant(limits=[rule(meter="tokens", limit=1_000, temporary=raised)])
    assert agreed_on(tenant, api_of(tenant), 1_500) is None
    assert agreed_on(tenant, api_of(tenant), 2_100) == "request_exceeds_limit"


def test_on_a_request_larger_than_a_shadow_limit(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    tenant = make_tenant(limits=[rule(meter="tokens", limit=100, shadow=True)])
    assert agreed_on(tenant, api_of(tenant), 500) is None


def test_on_concurrency_while_a_stream_runs(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    tenant = make_tenant(limits=[rule(meter="concurrency", per=None, limit=1)])
    api = api_of(tenant)
    body = {
        "model": "gpt-4o-mini",
        "messages": hello("tokens=50 stall_after_chunks=5"),
        "max_tokens": 50,
        "stream": True,
    }
    headers = {"authorization": f"Bearer {tenant.key}"}
    with api.http.stream("POST", "chat/completions", json=body, headers=headers) as running:
        lines = running.iter_lines()
        next(lines)
        assert agreed_on(tenant, api) == "rate_limited"
        assert explained(tenant, 10, None)["limits"][0]["held_calls"] == 1


def test_on_each_end_user(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    tenant = make_tenant(limits=[rule(limit=1, of="each_end_user")])
    api = api_of(tenant)
    users = ["ada", "ada", "bob", None, None, "bob"]
    assert [agreed_on(tenant, api, user=user) for user in users] == [
        None,
        "insufficient_quota",
        None,
        None,
        "insufficient_quota",
        "insufficient_quota",
    ]


def test_on_a_hard_limit_beside_a_shadow_of_it(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    tenant = make_tenant(limits=[rule(name="trial", limit=1, shadow=True), rule(name="hard", limit=2)])
    api = api_of(tenant)
    assert [agreed_on(tenant, api) for _ in range(3)] == [None, None, "insufficient_quota"]
    trial = explained(tenant, 10, None)["limits"][0]
    assert (trial["name"], trial["spent"], trial["free"]) == ("trial", 2, 0)


def test_a_shadow_limit_that_is_turned_on_starts_with_what_was_spent(
    make_tenant: MakeTenant, api_of: ApiOf
) -> None:
    from tenants import services

    tenant = make_tenant(limits=[rule(shadow=True)])
    api = api_of(tenant)
    assert [agreed_on(tenant, api) for _ in range(2)] == [None, None]
    services.save_policy(
        organization_id=tenant.id, name="default", document={"limits": [rule()]}, actor="test"
    )
    assert agreed_on(tenant, api) == "insufficient_quota"


def test_on_two_limits_of_one_key_of_which_neither_implies_the_other(
    make_tenant: MakeTenant, api_of: ApiOf
) -> None:
    """The organization's rate for each key and the key's own burst hold together."""
    slow = rule(name="slow", per="hour", limit=3, burst=3, of="each_key")
    calm = rule(name="calm", per="hour", limit=100, burst=1)
    tenant = make_tenant(
        entry={
            "policies": [{"name": "default", "limits": [slow]}, {"name": "own", "limits": [calm]}],
            "projects": [{"slug": "app", "name": "App", "keys": [{"name": "main", "policy": "own"}]}],
        }
    )
    api = api_of(tenant)
    assert agreed_on(tenant, api) is None
    found = api.limits()
    assert {name: limit["spent"] for name, limit in found.items()} == {"slow": 1, "calm": 1}
    assert agreed_on(tenant, api) == "rate_limited"
    assert explained(tenant, 10, None)["refused_by"] == "calm"
