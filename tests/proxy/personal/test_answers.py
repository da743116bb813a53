"""Answers through the gateway: placeholders turned back, what the policy finds replaced or ended, on every road."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.audit.test_schema import faults
from tests.conftest import MakeTenant
from tests.proxy.conftest import Api, ApiOf
from tests.proxy.personal.conftest import CARD, MAIL, PHONE, found, looking, rule
from tests.proxy.personal.streams import read, reasons, text_of
from tests.proxy.personal.test_requests import ECHO, said, shown
from tests.proxy.responses import create, openai
from tests.proxy.roads import GPT, ROADS, Road
from tests.proxy.test_contents import await_stored
from tests.proxy.test_contents import read as stored

SECRET = f'I am {MAIL}, call "{PHONE}", pay {CARD} 🙂'


def ask(api: Api, road: Road, text: str, **more: Any) -> Any:
    body = road.body(messages=said(f"{text} {ECHO}"), **more)
    return api.send("POST", road.path, orjson.dumps(body), road.headers)


@pytest.mark.parametrize("road", ROADS.values(), ids=str)
def test_plain_answer_has_the_values_back(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf, road: Road
) -> None:
    tenant = looking(make_tenant, provider, rule("tokenize"), audit={"content": "full"})
    assert shown(ask(api_of(tenant), road, SECRET)).startswith(SECRET)
    assert {one[:2] for one in found(tenant)} == {
        (kind, "request") for kind in ("EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD")
    }
    await_stored(tenant, 2)
    (event,) = tenant.events()
    for part in stored(tenant, event["event_id"]).values():
        assert MAIL.encode() not in part.content
        assert b"[EMAIL_ADDRESS_" in part.content


@pytest.mark.parametrize("road", ROADS.values(), ids=str)
def test_streamed_answer_has_the_values_back(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf, road: Road
) -> None:
    api = api_of(looking(make_tenant, provider, rule("tokenize")))
    assert text_of(read(ask(api, road, SECRET, stream=True).content)).startswith(SECRET)


@pytest.mark.parametrize("stream", [False, True])
def test_responses_have_the_values_back(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf, stream: bool
) -> None:
    api = api_of(make_tenant(openai(provider), dlp={"rules": [rule("tokenize")]}))
    answer = create(api, f"{SECRET} {ECHO}", stream=stream)
    assert answer.status_code == 200
    if stream:
        assert text_of(read(answer.content)).startswith(SECRET)
    assert MAIL in answer.text
    assert "EMAIL_ADDRESS_" not in answer.text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("road", ROADS.values(), ids=str)
def test_what_a_model_writes_is_masked(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf, road: Road, stream: bool
) -> None:
    tenant = looking(make_tenant, provider, rule("mask", direction="answer"), audit={"content": "full"})
    answer = ask(api_of(tenant), road, f"I am {MAIL}", stream=stream)
    text = text_of(read(answer.content)) if stream else shown(answer)
    assert text.startswith("I am [EMAIL_ADDRESS]")
    assert found(tenant) == [("EMAIL_ADDRESS", "answer", "assistant", "mask", "1")]
    await_stored(tenant, 2)
    (event,) = tenant.events()
    assert MAIL.encode() not in stored(tenant, event["event_id"])["answer"].content


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("road", ROADS.values(), ids=str)
def test_block_ends_an_answer_which_is_charged(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf, road: Road, stream: bool
) -> None:
    tenant = looking(make_tenant, provider, rule("block", direction="answer"))
    answer = ask(api_of(tenant), road, f"{'Hello there. ' * 30} I am {MAIL}", stream=stream)
    assert answer.status_code == 200, answer.text
    assert "example.org" not in answer.text
    (event,) = tenant.events()
    assert event["status"] == "settled"
    assert event["finish_reason"] in ("content_filter", "refusal")
    assert event["input_tokens"] > 0
    assert event["cost_nano"] > 0
    assert ("EMAIL_ADDRESS", "answer", "assistant", "block", "1") in found(tenant)
    if stream:
        assert reasons(read(answer.content)) == ["refusal" if road.path == "messages" else "content_filter"]
        assert text_of(read(answer.content)).startswith("Hello there.")


def test_stored_response_is_inspected_when_it_is_read_again(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf
) -> None:
    api = api_of(make_tenant(openai(provider), dlp={"rules": [rule("mask", direction="answer")]}))
    made = create(api, f"I am {MAIL} {ECHO}").json()
    again = api.get(f"responses/{made['id']}")
    assert again.status_code == 200
    assert "[EMAIL_ADDRESS]" in str(again.json()["output"])


def test_error_of_a_provider_passes_as_it_is(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf
) -> None:
    api = api_of(looking(make_tenant, provider, rule("tokenize")))
    answer = api.chat(model=GPT, messages=said(f"I am {MAIL} [[orbit-demo: error=400]]"))
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_next_turn_sends_the_same_bytes_for_what_was_said(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf
) -> None:
    tenant = looking(make_tenant, provider, rule("tokenize"), audit={"content": "full"})
    api = api_of(tenant)
    first = said(f"I am {MAIL} {ECHO}")
    answer = shown(api.chat(model=GPT, messages=first))
    api.chat(model=GPT, messages=[*first, {"role": "assistant", "content": answer}, *said(f"and {PHONE}?")])
    await_stored(tenant, 4)
    one, two = (
        orjson.loads(stored(tenant, event["event_id"])["request"].content)["messages"]
        for event in tenant.events()
    )
    assert two[0] == one[0]
    placeholder = one[0]["content"].split()[2]
    assert placeholder in two[1]["content"]


def test_event_holds_to_its_schema(make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf) -> None:
    tenant = looking(
        make_tenant,
        provider,
        rule("hash"),
        rule("block", shadow=True),
        max_bytes=1000,
        when_uninspected="pass",
    )
    ask(api_of(tenant), ROADS["messages"], f"I am {MAIL}", system="word " * 300)
    (event,) = tenant.events()
    assert {"findings", "uninspected"} == set(event["dlp"])
    assert faults(event) == []
