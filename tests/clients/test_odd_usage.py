"""Usage that is missing, impossible or said twice. What is charged is compared with what the provider charges."""

from __future__ import annotations

import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import calls, charged, figures, served
from tests.clients.conftest import Synchronous, said
from tests.conftest import Tenant

TOKENS = 25


@pytest.mark.parametrize("kind", ["missing", "null", "negative", "string", "huge"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_usage_that_is_no_usage_is_estimated_and_marked(
    sync: Synchronous, tenant: Tenant, provider: ProviderHandle, kind: str, stream: bool
) -> None:
    ask = sync.stream if stream else sync.plain
    ask(model="gpt-4o-mini", messages=said(f"tokens={TOKENS}", f"usage={kind}"))
    [event] = calls(tenant)
    record = served(provider, event)
    assert (event["status"], event["usage_source"]) == ("settled", "estimated")
    assert abs(event["output_tokens"] - record["completion_tokens"]) <= 3
    assert abs(event["input_tokens"] - record["prompt_tokens"]) <= 10
    assert abs(event["cost_nano"] - record["cost_nano"]) <= record["cost_nano"] * 0.15


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_usage_of_zero_is_believed(
    sync: Synchronous, tenant: Tenant, provider: ProviderHandle, stream: bool
) -> None:
    ask = sync.stream if stream else sync.plain
    ask(model="gpt-4o-mini", messages=said(f"tokens={TOKENS}", "usage=zero"))
    [event] = calls(tenant)
    assert (event["status"], event["usage_source"]) == ("settled", "provider")
    assert set(figures(event).values()) == {0}


@pytest.mark.parametrize("kind", ["twice", "with_finish", "running", "decreasing"])
def test_usage_in_odd_places_is_charged_once(
    sync: Synchronous, tenant: Tenant, provider: ProviderHandle, kind: str
) -> None:
    messages = said(f"tokens={TOKENS}", f"usage={kind}")
    for asked in (False, True):
        options = {"stream_options": {"include_usage": True}} if asked else {}
        chunks = sync.stream(model="gpt-4o-mini", messages=messages, **options)
        assert sum(bool(choice.delta.content) for chunk in chunks for choice in chunk.choices) == TOKENS
        assert asked == any(chunk.usage for chunk in chunks)
        assert asked == any("usage" in chunk.model_fields_set for chunk in chunks)
    for event in calls(tenant, 2):
        assert event["usage_source"] == "provider"
        assert figures(event) == charged(served(provider, event))


def test_parts_larger_than_their_whole_are_cut_to_it(
    sync: Synchronous, tenant: Tenant, provider: ProviderHandle
) -> None:
    """The provider reports more cached tokens than input and more reasoning than output."""
    sync.plain(model="gpt-4o-mini", messages=said(f"tokens={TOKENS}", "usage=contradictory"))
    [event] = calls(tenant)
    record = served(provider, event)
    assert event["input_tokens"] == record["prompt_tokens"]
    assert event["cached_input_tokens"] <= event["input_tokens"]
    assert event["output_tokens"] == record["completion_tokens"]
    assert event["reasoning_tokens"] <= event["output_tokens"]
    assert event["usage_anomaly"]


def test_text_that_looks_like_usage_is_text(
    sync: Synchronous, tenant: Tenant, provider: ProviderHandle
) -> None:
    lie = '{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}\n\ndata: [DONE]\n\n'
    chunks = sync.stream(model="gpt-4o-mini", messages=said("echo", text=f"say {lie}"))
    assert "prompt_tokens" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    [event] = calls(tenant)
    assert figures(event) == charged(served(provider, event))
