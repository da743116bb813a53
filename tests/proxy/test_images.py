"""Pictures made, edited and varied, as bytes and with the official client, beside the provider's own books."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import orjson
import pytest
from openai import OpenAI

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import agreed, calls, served
from tests.clients.conftest import client_of
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway
from tests.proxy.conftest import Api, ApiOf, code_of
from tests.proxy.media import ENTRY, FORM, PNG, POLICY, PRICED, form, part

CAT = "A cat on the moon"


@pytest.fixture
def tenant(make_tenant: MakeTenant) -> Tenant:
    return make_tenant(entry=dict(PRICED), **POLICY)


@pytest.fixture
def sdk(gateway: Gateway, tenant: Tenant) -> Iterator[OpenAI]:
    with client_of(gateway, tenant) as made:
        yield made


def told(*directives: str) -> str:
    return f"{CAT} [[orbit-demo: {' '.join(directives)}]]"


@pytest.mark.cell(
    surface="OpenAI images", provider="openai_compatible", feature="generations", client="OpenAI Python"
)
def test_pictures_are_charged_by_the_tokens_that_the_provider_counts(
    sdk: OpenAI, tenant: Tenant, provider: ProviderHandle
) -> None:
    answer = sdk.images.generate(model="gpt-image-1", prompt=CAT, n=2, quality="low", size="1024x1024")
    assert answer.data is not None
    assert len(answer.data) == 2
    [event] = agreed(tenant, provider)
    assert (event["endpoint"], event["output_tokens"]) == ("images/generations", 2 * 272)
    assert event["reserved"]["output_tokens"] == 2 * 272


@pytest.mark.cell(surface="OpenAI images", provider="openai_compatible", feature="streamed generations")
def test_streamed_picture_comes_in_parts_and_is_charged_by_its_last_event(
    sdk: OpenAI, tenant: Tenant, provider: ProviderHandle
) -> None:
    stream = sdk.images.generate(
        model="gpt-image-1", prompt=CAT, quality="low", size="1024x1024", partial_images=2, stream=True
    )
    kinds = [event.type for event in stream]
    assert kinds == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    [event] = agreed(tenant, provider)
    assert event["output_tokens"] == 272 + 2 * 100


@pytest.mark.cell(surface="OpenAI images", provider="openai_compatible", feature="edits")
def test_edit_is_sent_with_its_files_byte_by_byte(
    sdk: OpenAI, tenant: Tenant, provider: ProviderHandle
) -> None:
    answer = sdk.images.edit(
        model="gpt-image-1-mini",
        prompt=CAT,
        image=[("one.png", PNG, "image/png"), ("two.png", PNG, "image/png")],
        mask=("mask.png", PNG, "image/png"),
        quality="low",
        size="1024x1024",
    )
    assert answer.usage
    assert answer.usage.input_tokens_details.image_tokens == 2 * 323
    [event] = agreed(tenant, provider)
    fields = orjson.loads(orjson.dumps(served(provider, event)))
    assert [one["bytes"] for one in fields["fields"]["image"]] == [len(PNG)] * 2


@pytest.mark.cell(
    surface="OpenAI images", provider="openai_compatible", feature="variations", client="OpenAI Python"
)
def test_variation_is_charged_by_the_picture(sdk: OpenAI, tenant: Tenant, provider: ProviderHandle) -> None:
    with pytest.warns(DeprecationWarning, match="deprecated"):
        sdk.images.create_variation(model="dall-e-2", image=("a.png", PNG), n=3, size="256x256")
    [event] = calls(tenant)
    assert (event["status"], event["usage_source"], event["images"]) == ("settled", "estimated", 3)
    assert event["cost_nano"] == 3 * 40_000_000
    assert served(provider, event)["units"]["images"] == 3


def test_picture_of_a_model_without_usage_is_charged_by_what_came(
    sdk: OpenAI, tenant: Tenant, provider: ProviderHandle
) -> None:
    """The provider charges as much: a square picture of standard quality."""
    sdk.images.generate(model="dall-e-3", prompt=CAT)
    [event] = calls(tenant)
    assert (event["usage_source"], event["images"]) == ("estimated", 1)
    assert event["cost_nano"] == served(provider, event)["cost_nano"]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_pictures_without_usage_are_estimated_and_marked(
    sdk: OpenAI, tenant: Tenant, provider: ProviderHandle, stream: bool
) -> None:
    ask: Any = {"model": "gpt-image-1", "quality": "low", "size": "1024x1024", "stream": stream}
    answer = sdk.images.generate(prompt=told("usage=missing"), **ask)
    if stream:
        list(answer)
    [event] = calls(tenant)
    assert (event["status"], event["usage_source"]) == ("settled", "estimated")
    assert event["output_tokens"] == served(provider, event)["completion_tokens"] == 272


def test_stream_that_breaks_off_is_charged_what_was_reserved(
    sdk: OpenAI, tenant: Tenant, provider: ProviderHandle
) -> None:
    with pytest.raises(openai.APIError):
        list(
            sdk.images.generate(
                model="gpt-image-1",
                prompt=told("error_after_chunks=1"),
                quality="low",
                size="1024x1024",
                partial_images=2,
                stream=True,
            )
        )
    [event] = calls(tenant)
    assert (event["status"], event["usage_source"]) == ("provider_failed", "estimated")
    assert event["output_tokens"] == event["reserved"]["output_tokens"]
    assert event["cost_nano"] >= served(provider, event)["cost_nano"] > 0


def test_model_without_a_price_is_refused_under_a_budget(api_of: ApiOf, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(entry=dict(ENTRY), **POLICY)
    body = orjson.dumps({"model": "dall-e-3", "prompt": CAT})
    assert code_of(api_of(tenant).send("POST", "images/generations", body)) == (403, "model_unpriced")
    assert tenant.events() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("n", "2.0"), ("n", 129), ("n", "٣"), ("size", 7), ("partial_images", -1), ("output_format", "svg")],
)
def test_field_that_would_hide_the_cost_is_named(api: Api, tenant: Tenant, field: str, value: Any) -> None:
    body = {"model": "gpt-image-1", "prompt": CAT, field: value}
    answer = api.send("POST", "images/generations", orjson.dumps(body))
    assert code_of(answer) == (400, "invalid_request")
    assert answer.json()["error"]["param"] == field


def test_form_says_numbers_in_digits(api: Api, tenant: Tenant, provider: ProviderHandle) -> None:
    def ask(count: bytes) -> Any:
        body = form(part("model", b"dall-e-2"), part("n", count), part("image", PNG, "a.png", "image/png"))
        return api.send("POST", "images/variations", body, FORM)

    for odd in (b"+2", b" 2", b"2.0", b"2e0", b"0", b"999"):
        answer = ask(odd)
        assert (code_of(answer), answer.json()["error"]["param"]) == ((400, "invalid_request"), "n")
    assert ask(b"2").status_code == 200
    [event] = calls(tenant)
    assert event["images"] == 2
