"""Speech, passed on as it is made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import orjson
import pytest
from openai import OpenAI

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import agreed, calls, served
from tests.clients.conftest import client_of
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway
from tests.proxy.conftest import Api, code_of
from tests.proxy.media import POLICY, PRICED

TEXT = "The quick brown fox jumps over the lazy dog."


@pytest.fixture
def tenant(make_tenant: MakeTenant) -> Tenant:
    return make_tenant(entry=dict(PRICED), **POLICY)


@pytest.fixture
def sdk(gateway: Gateway, tenant: Tenant) -> Iterator[OpenAI]:
    with client_of(gateway, tenant) as made:
        yield made


def say(api: Api, *directives: str, **fields: Any) -> httpx2.Response:
    body = {"model": "tts-1", "input": TEXT, "voice": "alloy", **fields}
    return api.send("POST", "audio/speech", orjson.dumps(body), {"x-demo": " ".join(directives)})


def told(*directives: str) -> str:
    return f"{TEXT} [[orbit-demo: {' '.join(directives)}]]"


@contextmanager
def spoken(gateway: Gateway, tenant: Tenant, *directives: str) -> Iterator[Iterator[bytes]]:
    """The pieces of sound as they come; whoever leaves hangs up."""
    body = {
        "model": "gpt-4o-mini-tts",
        "input": told(*directives),
        "voice": "alloy",
        "response_format": "pcm",
    }
    headers = {"authorization": f"Bearer {tenant.key}"}
    with (
        httpx2.Client(trust_env=False, verify=False, timeout=20) as http,
        http.stream("POST", f"{gateway.base_url}/audio/speech", json=body, headers=headers) as answer,
    ):
        yield answer.iter_bytes()


@pytest.mark.cell(
    surface="OpenAI audio", provider="openai_compatible", feature="speech", client="OpenAI Python"
)
def test_speech_is_charged_by_the_character(sdk: OpenAI, tenant: Tenant, provider: ProviderHandle) -> None:
    answer = sdk.audio.speech.create(model="tts-1", input=TEXT, voice="alloy", response_format="mp3")
    assert answer.response.headers["content-type"] == "audio/mpeg"
    assert len(answer.content) > 0
    [event] = calls(tenant)
    record = served(provider, event)
    assert (event["status"], event["usage_source"]) == ("settled", "estimated")
    assert event["characters"] == record["units"]["characters"] == len(TEXT)
    assert event["cost_nano"] == record["cost_nano"] == len(TEXT) * 15_000


def test_sound_is_the_providers_byte_by_byte(api: Api, tenant: Tenant, provider: ProviderHandle) -> None:
    fields = {"model": "gpt-4o-mini-tts", "response_format": "wav", "input": told("split=odd")}
    through = say(api, **fields)
    direct = httpx2.post(
        f"{provider.base_url}/audio/speech",
        json={"voice": "alloy", **fields},
        headers={"authorization": "Bearer sk-demo-direct"},
        trust_env=False,
    )
    assert hashlib.sha256(through.content).digest() == hashlib.sha256(direct.content).digest()
    assert through.headers["content-type"] == direct.headers["content-type"] == "audio/wav"


def test_length_of_the_sound_tells_what_was_made(api: Api, tenant: Tenant, provider: ProviderHandle) -> None:
    """Bare sound brings no usage. The provider counts 20 tokens a second, we 21 for each that has begun."""
    for form in ("wav", "pcm"):
        say(api, model="gpt-4o-mini-tts", response_format=form, input=told("tokens=100"))
    for event in calls(tenant, 2):
        made = served(provider, event)["completion_tokens"]
        assert (event["usage_source"], made) == ("estimated", 100)
        assert made <= event["output_tokens"] <= made * 1.3 <= event["reserved"]["output_tokens"]


def test_sound_is_passed_on_while_it_is_made(
    gateway: Gateway, tenant: Tenant, provider: ProviderHandle
) -> None:
    """The call is open at the provider when the first bytes are here."""
    with spoken(gateway, tenant, "tokens=40", "pace_ms=50") as pieces:
        next(pieces)
        assert provider.summary()["open"] >= 1
        assert tenant.events() == []
        for _ in pieces:
            pass
    [event] = calls(tenant)
    assert event["status"] == "settled"


@pytest.mark.cell(surface="OpenAI audio", provider="openai_compatible", feature="speech as events")
def test_events_of_speech_are_charged_by_their_usage(
    api: Api, tenant: Tenant, provider: ProviderHandle
) -> None:
    answer = say(api, model="gpt-4o-mini-tts", stream_format="sse", response_format="pcm")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert b"speech.audio.done" in answer.content
    [event] = agreed(tenant, provider)
    assert event["output_tokens"] > 0


@pytest.mark.parametrize("form", [{}, {"stream_format": "sse"}], ids=["bytes", "events"])
def test_speech_without_usage_is_estimated_and_marked(
    api: Api, tenant: Tenant, provider: ProviderHandle, form: dict[str, Any]
) -> None:
    say(api, model="gpt-4o-mini-tts", input=told("usage=missing"), **form)
    [event] = calls(tenant)
    assert (event["status"], event["usage_source"]) == ("settled", "estimated")
    assert served(provider, event)["cost_nano"] <= event["cost_nano"] <= event["reserved"]["cost_nano"]


def test_sound_that_breaks_off_does_not_look_whole(
    api: Api, tenant: Tenant, provider: ProviderHandle
) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        say(api, model="tts-1", input=told("tokens=50", "cut_after_chunks=5"))
    [event] = calls(tenant)
    assert (event["status"], event["code"]) == ("provider_failed", "upstream_error")
    assert event["cost_nano"] == served(provider, event)["cost_nano"] > 0


def test_client_who_hangs_up_stops_the_provider_and_pays(
    gateway: Gateway, tenant: Tenant, provider: ProviderHandle
) -> None:
    with spoken(gateway, tenant, "tokens=900", "pace_ms=10") as pieces:
        next(pieces)
    [event] = calls(tenant)
    record = served(provider, event)
    assert (event["status"], record["outcome"]) == ("client_gone", "hung_up")
    assert 0 < record["completion_tokens"] < 900
    assert event["cost_nano"] > 0


@pytest.mark.parametrize(("field", "value"), [("input", ""), ("input", ["a"]), ("stream_format", 1)])
def test_field_that_makes_no_sense_is_named(api: Api, tenant: Tenant, field: str, value: Any) -> None:
    answer = say(api, **{field: value})
    assert (code_of(answer), answer.json()["error"]["param"]) == ((400, "invalid_request"), field)


def test_refusal_of_the_provider_comes_back_as_it_is(api: Api, tenant: Tenant) -> None:
    answer = say(api, response_format="opus")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "response_format"
    [event] = calls(tenant)
    assert (event["status"], event["cost_nano"]) == ("provider_failed", 0)
