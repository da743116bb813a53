"""What a client says of itself in headers is inspected like what it says in the body, and lands masked in the ledger."""

from __future__ import annotations

import time
from collections import Counter

import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from orbit.lib.store import client as client_of_store
from proxy.personal.inspection import refusal
from proxy.personal.refused import MOST, Refused
from quotas import keys
from quotas.tasks import COLLECT
from tests.conftest import MakeTenant, Tenant
from tests.proxy.conftest import ApiOf, Untouched
from tests.proxy.personal.conftest import CARD, MAIL, found, looking, rule
from tests.proxy.roads import GPT

HELLO = [{"role": "user", "content": "hello"}]
TAGS = f"team=red,card={CARD}"


@pytest.mark.parametrize("action", ["mask", "hash", "tokenize"])
def test_end_user_and_tags_land_masked_in_the_ledger(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf, action: str
) -> None:
    tenant = looking(make_tenant, provider, rule(action, direction="request"))
    headers = {"x-orbit-user": MAIL, "x-orbit-tags": TAGS}
    assert api_of(tenant).chat(headers, model=GPT, messages=HELLO).status_code == 200
    (event,) = tenant.events()
    assert event["end_user"].startswith("[EMAIL_ADDRESS#")
    assert event["tags"]["team"] == "red"
    assert event["tags"]["card"].startswith("[CREDIT_CARD#")
    assert MAIL not in str(event)
    assert CARD not in str(event)
    assert found(tenant) == [
        ("CREDIT_CARD", "request", "metadata", action, "1"),
        ("EMAIL_ADDRESS", "request", "metadata", action, "1"),
    ]


def test_user_is_the_same_one_in_header_and_body(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf
) -> None:
    api = api_of(tenant := looking(make_tenant, provider, rule("mask")))
    assert api.chat({"x-orbit-user": MAIL}, model=GPT, messages=HELLO).status_code == 200
    assert api.chat(model=GPT, messages=HELLO, user=MAIL).status_code == 200
    assert len({event["end_user"] for event in tenant.events()}) == 1


def test_metadata_of_the_body_stays_a_tag(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf
) -> None:
    tenant = looking(make_tenant, provider, rule("mask"))
    metadata = {"card": CARD, "team": "red", "note": "[no tag]"}
    assert api_of(tenant).chat(model=GPT, messages=HELLO, metadata=metadata).status_code == 200
    (event,) = tenant.events()
    assert event["tags"].keys() == {"card", "team"}
    assert event["tags"]["card"].startswith("[CREDIT_CARD#")


def test_rules_about_answers_alone_leave_headers_as_they_are(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf
) -> None:
    tenant = looking(make_tenant, provider, rule("mask", direction="answer"))
    assert api_of(tenant).chat({"x-orbit-user": MAIL}, model=GPT, messages=HELLO).status_code == 200
    (event,) = tenant.events()
    assert event["end_user"] == MAIL


def refusals(tenant: Tenant) -> list[tuple[str, ...]]:
    """Types and places of the refused requests of the last minute, of each event."""
    later_us = time.time_ns() // 1000 + 120_000_000
    shard = tenant.shard
    client_of_store().eval(COLLECT.source, 2, keys.refused(shard), keys.stream(shard), str(later_us))
    events = tenant.events("refusal")
    for event in events:
        rows = event.get("dlp", {}).get("findings", [])
        assert {(one["direction"], one["action"], one["count"]) for one in rows} <= {("request", "block", 1)}
    return sorted(
        tuple(f"{one['type']} {one['place']}" for one in event.get("dlp", {}).get("findings", []))
        for event in events
    )


@pytest.mark.parametrize("header", [{"x-orbit-user": MAIL}, {"x-orbit-tags": f"a=b,card={CARD}"}])
def test_what_is_blocked_is_refused_there_too(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf, header: dict[str, str]
) -> None:
    tenant = looking(make_tenant, provider, rule("block"))
    api = api_of(tenant)
    untouched = Untouched(provider, api, tenant)
    answer = api.chat(header, model=GPT, messages=HELLO)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "content_blocked")
    assert MAIL not in answer.text
    assert CARD not in answer.text
    untouched.check()
    (types,) = refusals(tenant)
    assert types[0].endswith(" metadata")


def test_refusals_tell_for_which_types_and_where(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf
) -> None:
    tenant = looking(make_tenant, provider, rule("block"))
    for text in (f"{MAIL} and again {MAIL}", f"{MAIL} pays with {CARD}"):
        answer = api_of(tenant).chat(model=GPT, messages=[{"role": "user", "content": text}])
        assert answer.status_code == 400
    assert refusals(tenant) == [
        ("CREDIT_CARD user", "EMAIL_ADDRESS user"),
        ("EMAIL_ADDRESS user",),
    ]


def test_own_limits_are_those_of_the_user_as_calls_count_it(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf
) -> None:
    limit = {"name": "each", "meter": "requests", "per": "day", "limit": 3, "of": "each_end_user"}
    tenant = looking(make_tenant, provider, rule("mask"), limits=[limit])
    api = api_of(tenant)
    assert api.chat({"x-orbit-user": MAIL}, model=GPT, messages=HELLO).status_code == 200
    answer = api.send("GET", "orbit/limits", headers={"x-orbit-user": MAIL})
    (one,) = orjson.loads(answer.content)["data"]
    assert (one["spent"], MAIL in answer.text) == (1, False)


def test_tags_that_cannot_be_read_are_refused_as_ever(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf
) -> None:
    api = api_of(looking(make_tenant, provider, rule("mask")))
    for tags in ("no separator", f"mail={MAIL}", "a=" + "x" * 65, "a=[EMAIL_ADDRESS]"):
        answer = api.chat({"x-orbit-tags": tags}, model=GPT, messages=HELLO)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "x-orbit-tags")


def test_a_worker_tells_only_so_many_kinds_of_refusals_apart() -> None:
    refused = Refused(clock=lambda: 60.0)
    errors = [refusal(Counter({(f"T{number}", "user"): 1})) for number in range(MOST + 1)]
    kinds = [refused.kind("one", error) for error in errors]
    assert kinds[0] == (("T0", "user"),)
    assert kinds[-1] == ()
    assert refused.kind("one", errors[0]) == kinds[0]
    assert refused.kind("another", errors[-1]) == ((f"T{MOST}", "user"),)
