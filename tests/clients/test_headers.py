"""What an application can read from the headers of an answer, with the client's own means."""

from __future__ import annotations

import re

from openai import OpenAI

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import agreed
from tests.clients.conftest import client_of, said
from tests.conftest import MakeTenant
from tests.gateway import Gateway

LIMITS = [
    {"name": "rpm", "meter": "requests", "per": "minute", "limit": 60, "burst": 10},
    {"name": "rpd", "meter": "requests", "per": "day", "limit": 1000},
    {"name": "tpd", "meter": "tokens", "per": "day", "limit": 100_000},
]
DURATION = re.compile(r"^(\d+d)?(\d+h)?(\d+m)?(\d+(\.\d+)?s)?(\d+ms)?$")


def test_plain_answer_names_its_request_its_cost_and_what_is_left(
    gateway: Gateway, make_tenant: MakeTenant, provider: ProviderHandle
) -> None:
    tenant = make_tenant(limits=LIMITS)
    with client_of(gateway, tenant) as client:
        raw = client.chat.completions.with_raw_response.create(
            model="gpt-4o-mini", messages=said("tokens=9"), max_tokens=50
        )
    [event] = agreed(tenant, provider)
    headers = raw.headers
    assert raw.parse().choices[0].message.content
    assert headers["x-orbit-request-id"] == event["request_id"] == event["event_id"]
    assert headers["x-orbit-cost-nano"] == str(event["cost_nano"])
    assert headers["x-orbit-usage-source"] == "provider"
    assert (headers["x-orbit-model"], headers["x-orbit-account"]) == ("gpt-4o-mini", "demo")
    assert headers["x-orbit-attempts"] == "1"
    assert headers["x-ratelimit-limit-requests"] == "10"  # of a smooth limit, what may come at once
    assert headers["x-ratelimit-remaining-requests"] == "9"
    assert headers["x-ratelimit-limit-tokens"] == "100000"
    assert (
        0
        < int(headers["x-ratelimit-remaining-tokens"])
        <= 100_000 - event["input_tokens"] - event["output_tokens"]
    )
    for kind in ("requests", "tokens"):
        reset = headers[f"x-ratelimit-reset-{kind}"]
        assert reset
        assert DURATION.match(reset), reset


def test_stream_carries_what_is_known_before_its_first_byte(
    gateway: Gateway, make_tenant: MakeTenant, provider: ProviderHandle
) -> None:
    tenant = make_tenant(limits=LIMITS)
    with client_of(gateway, tenant) as client:
        raw = client.chat.completions.with_raw_response.create(
            model="gpt-4o-mini", messages=said("tokens=9"), stream=True
        )
        chunks = list(raw.parse())
    assert chunks
    [event] = agreed(tenant, provider)
    assert raw.headers["x-orbit-request-id"] == event["request_id"]
    assert raw.headers["x-ratelimit-remaining-requests"] == "9"
    assert raw.headers["content-type"].startswith("text/event-stream")
    assert "x-orbit-cost-nano" not in raw.headers


def test_every_answer_has_a_request_id_of_its_own(client: OpenAI) -> None:
    ids = {
        client.models.with_raw_response.list().headers["x-orbit-request-id"],
        client.models.with_raw_response.retrieve("gpt-4o").headers["x-orbit-request-id"],
        client.embeddings.with_raw_response.create(model="text-embedding-3-small", input="x").headers[
            "x-orbit-request-id"
        ],
    }
    assert len(ids) == 3
