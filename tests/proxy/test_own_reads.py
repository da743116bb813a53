"""What a key may see of itself."""

from __future__ import annotations

from uuid import uuid4

from orbit.demo.provider.process import ProviderHandle
from orbit.lib.store import client
from quotas import keys
from quotas.counters import Counter
from quotas.policies import limits_of
from tenants import services
from tests.clients.books import agreed
from tests.conftest import MakeTenant, Tenant
from tests.proxy.conftest import LIMITS, Api, ApiOf, code_of, hello


def test_limits_show_what_was_spent(make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle) -> None:
    tenant = make_tenant(limits=LIMITS)
    api = api_of(tenant)
    assert {name: limit["spent"] for name, limit in api.limits().items()} == dict.fromkeys(
        ("rpm", "rpd", "tpd", "budget", "inflight"), 0
    )
    assert api.chat(messages=hello("tokens=5")).status_code == 200
    [event] = agreed(tenant, provider)
    found = api.limits()
    assert found["rpd"]["spent"] == 1
    assert found["tpd"]["spent"] == event["input_tokens"] + 5
    assert found["budget"]["spent"] == event["cost_nano"]
    assert found["budget"]["limit"] == 10_000_000_000_000
    assert found["inflight"]["spent"] == found["inflight"]["held"] == 0
    for limit in found.values():
        assert limit["free"] <= limit["limit"]
        assert limit["level"] == "organization"
        assert limit["object"] == tenant.slug
    assert found["rpd"]["window"]["start"] < found["rpd"]["window"]["end"]


def test_a_call_can_be_read_by_the_key_that_made_it(
    api: Api, tenant: Tenant, provider: ProviderHandle
) -> None:
    request_id = api.chat(messages=hello("tokens=5")).headers["x-orbit-request-id"]
    [event] = agreed(tenant, provider)
    answer = api.get(f"orbit/requests/{request_id}")
    assert answer.status_code == 200
    assert answer.json() == event
    assert api.get(f"orbit/requests/{request_id.upper()}").json() == event


def test_a_call_of_another_key_is_absent(
    api: Api, api_of: ApiOf, tenant: Tenant, make_tenant: MakeTenant, provider: ProviderHandle
) -> None:
    """Of another organization and of the same one, just like one that never was."""
    request_id = api.chat(messages=hello("tokens=5")).headers["x-orbit-request-id"]
    agreed(tenant, provider)
    _, sibling = services.issue_key(organization_id=tenant.id, project="app", name="second", actor="test")
    bodies = set()
    for other in (api_of(make_tenant()), Api(api.http, sibling)):
        for wanted in (request_id, str(uuid4()), "nonsense", "1", request_id + "/", "%00"):
            answer = other.get(f"orbit/requests/{wanted}")
            assert code_of(answer) == (404, "not_found"), wanted
            bodies.add(answer.content.replace(answer.headers["x-orbit-request-id"].encode(), b"ID"))
    assert len(bodies) == 1


def test_reads_count_for_nothing(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    tenant = make_tenant(limits=[{"name": "rpd", "meter": "requests", "per": "day", "limit": 1}])
    api = api_of(tenant)
    for _ in range(3):
        for path in ("models", "models/gpt-4o", "orbit/limits"):
            assert api.get(path).status_code == 200
    assert api.chat().status_code == 200
    assert code_of(api.chat()) == (429, "insufficient_quota")
    assert api.get("models").status_code == 200


def test_limits_on_each_end_user_have_figures_of_the_one_named(
    make_tenant: MakeTenant, api_of: ApiOf
) -> None:
    rule = {"name": "per-user", "meter": "tokens", "per": "total", "limit": 100, "of": "each_end_user"}
    tenant = make_tenant(limits=[rule])
    api = api_of(tenant)
    [limit] = limits_of(
        {"limits": [rule]}, level="organization", object_id=str(tenant.id), object_name=tenant.slug
    )
    for user, spent in (("ada", 30), ("bob & co", 40), (None, 50)):
        key = keys.counter(tenant.shard, limit.for_user(user).counter, 0)
        client().set(key, Counter(used=spent, held=5, calls=1).pack(), ex=600)

    def shown(path: str, **headers: str) -> tuple[object, ...]:
        answer = api.send("GET", path, headers=headers)
        assert answer.status_code == 200, answer.text
        [found] = answer.json()["data"]
        assert (found["name"], found["level"], found["limit"]) == ("per-user", "end_user", 100)
        return found["object"], found["spent"], found["held"], found["free"]

    assert shown("orbit/limits") == ("(each end user)", None, None, None)
    assert shown("orbit/limits?user=") == ("(each end user)", None, None, None)
    assert shown("orbit/limits?user=ada") == ("ada", 30, 5, 65)
    assert shown("orbit/limits?user=bob+%26%20co") == ("bob & co", 40, 5, 55)
    assert shown("orbit/limits", **{"x-orbit-user": "ada"}) == ("ada", 30, 5, 65)
    assert shown("orbit/limits?user=ada", **{"x-orbit-user": "bob & co"}) == ("ada", 30, 5, 65)
    assert shown("orbit/limits?user=(none)") == ("(none)", 50, 5, 45)


def test_headers_agree_with_the_figures(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle
) -> None:
    """Of the tightest limit, this call's reservation taken off; a shadow limit is no limit to a client."""
    tenant = make_tenant(
        limits=[
            {"name": "rpd", "meter": "requests", "per": "day", "limit": 50},
            {"name": "rpm", "meter": "requests", "per": "hour", "limit": 10, "burst": 5},
            {"name": "tpd", "meter": "tokens", "per": "day", "limit": 100_000},
            {"name": "trial", "meter": "tokens", "per": "day", "limit": 10, "shadow": True},
        ]
    )
    api = api_of(tenant)
    spent = 0
    for number in (1, 2):
        headers = api.chat(messages=hello("tokens=5"), max_tokens=100).headers
        event = agreed(tenant, provider, number)[-1]
        reserved = event["reserved"]["input_tokens"] + event["reserved"]["output_tokens"]
        assert headers["x-ratelimit-limit-requests"] == "5"
        assert headers["x-ratelimit-remaining-requests"] == str(5 - number)
        assert headers["x-ratelimit-limit-tokens"] == "100000"
        assert headers["x-ratelimit-remaining-tokens"] == str(100_000 - spent - reserved)
        spent += event["input_tokens"] + event["output_tokens"]
        found = api.limits()
        assert found["rpd"]["free"] == 50 - number
        assert (found["rpm"]["limit"], found["rpm"]["burst"], found["rpm"]["free"]) == (10, 5, 5 - number)
        assert found["tpd"]["free"] == 100_000 - spent
        assert (found["trial"]["spent"], found["trial"]["free"], found["trial"]["shadow"]) == (
            spent,
            max(0, 10 - spent),
            True,
        )
