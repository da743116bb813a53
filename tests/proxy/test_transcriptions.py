"""Sound written down, from forms with a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from openai import OpenAI

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import agreed, calls, served
from tests.clients.conftest import client_of
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway
from tests.proxy.conftest import Api, code_of
from tests.proxy.media import FORM, POLICY, PRICED, heard, part, wav

SOUND = ("speech.wav", wav(2.5), "audio/wav")


@pytest.fixture
def tenant(make_tenant: MakeTenant) -> Tenant:
    return make_tenant(entry=dict(PRICED), **POLICY)


@pytest.fixture
def sdk(gateway: Gateway, tenant: Tenant) -> Iterator[OpenAI]:
    with client_of(gateway, tenant) as made:
        yield made


def transcribe(api: Api, *parts: bytes, model: str = "whisper-1") -> httpx2.Response:
    return api.send("POST", "audio/transcriptions", heard(*parts, model=model), FORM)


def told(*directives: str) -> bytes:
    return part("prompt", f"[[orbit-demo: {' '.join(directives)}]]".encode())


@pytest.mark.cell(surface="OpenAI audio", provider="openai_compatible", feature="transcriptions")
def test_seconds_are_charged_as_the_provider_tells_them(
    sdk: OpenAI, tenant: Tenant, provider: ProviderHandle
) -> None:
    assert sdk.audio.transcriptions.create(model="whisper-1", file=SOUND).text
    [event] = calls(tenant)
    record = served(provider, event)
    assert (event["status"], event["usage_source"], event["seconds"]) == ("settled", "provider", 3)
    assert event["cost_nano"] == record["cost_nano"] == 300_000


@pytest.mark.parametrize("form", ["text", "srt", "vtt", "verbose_json"])
def test_forms_without_usage_are_charged_by_the_length_of_the_sound(
    sdk: OpenAI, tenant: Tenant, provider: ProviderHandle, form: Any
) -> None:
    answer: Any = sdk.audio.transcriptions.create(model="whisper-1", file=SOUND, response_format=form)
    assert answer if isinstance(answer, str) else answer.text
    [event] = calls(tenant)
    assert event["seconds"] == 3
    assert event["usage_source"] == ("provider" if form == "verbose_json" else "estimated")
    assert event["cost_nano"] == served(provider, event)["cost_nano"]


def test_length_in_a_long_answer_stands_in_for_usage(
    api: Api, tenant: Tenant, provider: ProviderHandle
) -> None:
    """Of an MP3 the bytes are a poor bound; the answer's own figure is the provider's."""
    answer = transcribe(api, told("usage=missing"), part("response_format", b"verbose_json"))
    assert answer.json()["duration"] == 1.5
    [event] = calls(tenant)
    assert (event["usage_source"], event["seconds"]) == ("estimated", 2)


@pytest.mark.cell(
    surface="OpenAI audio", provider="openai_compatible", feature="translations", client="OpenAI Python"
)
def test_translation_is_charged_too(sdk: OpenAI, tenant: Tenant, provider: ProviderHandle) -> None:
    """Its answer has no usage."""
    with pytest.warns(DeprecationWarning, match="deprecated"):
        assert sdk.audio.translations.create(model="whisper-1", file=SOUND).text
    [event] = calls(tenant)
    assert (event["endpoint"], event["usage_source"]) == ("audio/translations", "estimated")
    assert event["cost_nano"] == served(provider, event)["cost_nano"] == 300_000


@pytest.mark.cell(surface="OpenAI audio", provider="openai_compatible", feature="transcriptions")
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_tokens_are_charged_where_the_model_counts_them(
    sdk: OpenAI, tenant: Tenant, provider: ProviderHandle, stream: bool
) -> None:
    ask: Any = {"model": "ears", "file": SOUND, "stream": stream}
    answer: Any = sdk.audio.transcriptions.create(**ask)
    if stream:
        kinds = [event.type for event in answer]
        assert kinds[-1] == "transcript.text.done"
        assert set(kinds[:-1]) == {"transcript.text.delta"}
    [event] = agreed(tenant, provider)
    assert event["input_tokens"] == 25
    assert event["upstream_model"] == "gpt-4o-transcribe"


@pytest.mark.parametrize("stream", [b"false", b"true"], ids=["plain", "stream"])
def test_transcript_without_usage_is_estimated_and_marked(
    api: Api, tenant: Tenant, provider: ProviderHandle, stream: bytes
) -> None:
    answer = transcribe(
        api, told("usage=missing", "tokens=12"), part("stream", stream), model="gpt-4o-transcribe"
    )
    assert answer.status_code == 200, answer.text
    [event] = calls(tenant)
    assert (event["status"], event["usage_source"]) == ("settled", "estimated")
    assert abs(event["output_tokens"] - 12) <= 4
    assert served(provider, event)["cost_nano"] <= event["cost_nano"] <= event["reserved"]["cost_nano"]


def test_usage_beyond_the_length_of_the_file_is_cut_to_it(api: Api, tenant: Tenant) -> None:
    transcribe(api, told("usage=excessive"))
    [event] = calls(tenant)
    assert event["seconds"] == 2
    assert event["usage_anomaly"]


def test_model_that_takes_no_notice_of_streaming_is_answered_plainly(
    api: Api, tenant: Tenant, provider: ProviderHandle
) -> None:
    answer = transcribe(api, part("stream", b"true"))
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["text"]
    [event] = calls(tenant)
    assert (event["status"], event["seconds"]) == ("settled", 2)


def test_body_that_is_no_form_is_refused(api: Api, tenant: Tenant) -> None:
    answer = api.send("POST", "audio/transcriptions", b'{"model": "whisper-1"}')
    assert code_of(answer) == (400, "invalid_request")
    assert "multipart/form-data" in answer.json()["error"]["message"]
