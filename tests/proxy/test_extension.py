"""Streams that outgrow their reservation: extended while there is room, ended in their own format when there is not."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx2
import orjson
import pytest
from django.conf import settings

from orbit.demo.provider.process import ProviderHandle
from tests.chaos import chaos
from tests.clients.books import calls, served
from tests.clients.conftest import client_of, read_until_error, said
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway, running_gateway
from tests.proxy.conftest import Api, ApiOf, hello
from tests.proxy.test_learned import CAP, USUAL, taught

SMALL = 300  # output tokens a day, of which those that are learned from take 20 * USUAL


def limited(make_tenant: MakeTenant, limit: int, meter: str = "output_tokens") -> Tenant:
    """A tenant of a policy that learns, with a limit a day that full bounds would not fit into."""
    return make_tenant(
        output_reserve="learned",
        limits=[
            {"name": "daily", "meter": meter, "per": "day", "limit": limit},
            {"name": "inflight", "meter": "concurrency", "limit": 100},
        ],
    )


def taught_within(api: Api, cap: int = USUAL) -> Api:
    for _ in range(20):
        assert api.chat(messages=hello(f"tokens={USUAL}"), max_tokens=cap).status_code == 200
    return api


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("pace", ["pace_ms=0", "pace_ms=1"])
def test_call_ten_times_as_long_as_usual_is_served_whole_and_was_held_whole(
    api_of: ApiOf, make_tenant: MakeTenant, provider: ProviderHandle, stream: bool, pace: str
) -> None:
    tenant = make_tenant(output_reserve="learned")
    api = taught(api_of(tenant))
    answer = api.chat(messages=hello("tokens=400", pace), max_tokens=CAP, stream=stream)
    assert answer.status_code == 200
    last = agreed_but_for_stream(tenant, provider)
    assert last["output_tokens"] == 400
    assert 400 <= last["reserved"]["output_tokens"] <= CAP
    assert last["reserved"]["cost_nano"] >= last["cost_nano"]


def agreed_but_for_stream(tenant: Tenant, provider: ProviderHandle) -> dict[str, Any]:
    """The last of 21 calls, which the provider has exactly so in its books."""
    last = calls(tenant, 21)[-1]
    record = served(provider, last)
    assert (last["status"], last["usage_source"]) == ("settled", "provider")
    assert (last["output_tokens"], last["cost_nano"]) == (record["completion_tokens"], record["cost_nano"])
    return last


@pytest.mark.parametrize("meter", ["output_tokens", "cost"])
def test_stream_without_room_ends_with_the_limits_name_and_what_came_is_charged(
    gateway: Gateway, api_of: ApiOf, make_tenant: MakeTenant, provider: ProviderHandle, meter: str
) -> None:
    # a token of gpt-4o-mini's output costs 600 nano
    tenant = limited(make_tenant, SMALL) if meter == "output_tokens" else limited_by_cost(make_tenant)
    api = taught_within(api_of(tenant))
    with client_of(gateway, tenant) as client:
        stream = client.chat.completions.create(
            model="gpt-4o-mini", messages=said("tokens=400", "pace_ms=2"), max_tokens=CAP, stream=True
        )
        texts, error = read_until_error(stream)
    body: Any = error.body
    assert error.code == "limit_reached"
    assert (body["orbit"]["limit"], body["orbit"]["meter"]) == ("daily", meter)
    assert body["orbit"]["spent"] + body["orbit"]["held"] <= body["orbit"]["limit_value"]
    last = calls(tenant, 21)[-1]
    assert (last["status"], last["code"], last["finish_reason"]) == ("settled", "limit_reached", "length")
    assert last["usage_source"] == "estimated"
    assert USUAL < last["output_tokens"] <= last["reserved"]["output_tokens"] < 200
    assert abs(len(texts) - last["output_tokens"]) <= 3
    assert served(provider, last)["outcome"] == "hung_up"
    limits = api.limits()
    assert limits["daily"]["spent"] <= limits["daily"]["limit"]
    assert (limits["daily"]["held"], limits["inflight"]["held"]) == (0, 0)


def limited_by_cost(make_tenant: MakeTenant) -> Tenant:
    return make_tenant(
        output_reserve="learned",
        limits=[
            {"name": "daily", "meter": "cost", "per": "day", "limit": "0.00025"},
            {"name": "inflight", "meter": "concurrency", "limit": 100},
        ],
    )


def test_plain_answer_without_room_ends_as_if_its_maximum_had_cut_it(
    gateway: Gateway, api_of: ApiOf, make_tenant: MakeTenant, provider: ProviderHandle
) -> None:
    tenant = limited(make_tenant, SMALL)
    taught_within(api_of(tenant))
    with client_of(gateway, tenant) as client:
        raw = client.chat.completions.with_raw_response.create(
            model="gpt-4o-mini", messages=said("tokens=400"), max_tokens=CAP
        )
    answer = raw.parse()
    assert raw.headers["x-orbit-limit"] == "daily"
    assert raw.headers["x-orbit-cut"] == "limit_reached"
    assert answer.choices[0].finish_reason == "length"
    assert answer.choices[0].message.content
    assert answer.usage is not None
    last = calls(tenant, 21)[-1]
    assert answer.usage.completion_tokens == last["output_tokens"]
    assert (last["status"], last["code"], last["finish_reason"]) == ("settled", "limit_reached", "length")
    assert USUAL < last["output_tokens"] <= last["reserved"]["output_tokens"]
    assert served(provider, last)["completion_tokens"] >= last["output_tokens"]


@pytest.mark.parametrize("usage", ["usage=missing", "usage=running"])
def test_many_streams_ten_times_as_long_as_usual_never_exceed_the_limit(
    gateway: Gateway, api_of: ApiOf, make_tenant: MakeTenant, usage: str
) -> None:
    """Each holds a tenth of what it will write; together they want three times what there is."""
    limit = 2_000
    tenant = limited(make_tenant, limit)
    api = taught_within(api_of(tenant))
    seen: list[int] = []
    done = threading.Event()

    def watch() -> None:
        with httpx2.Client(base_url=gateway.base_url + "/", timeout=10, trust_env=False, verify=False) as own:
            while not done.is_set():
                found = Api(own, tenant.key).limits()["daily"]
                seen.append(found["spent"] + found["held"])

    watcher = threading.Thread(target=watch)
    watcher.start()
    codes = asyncio.run(_streams(gateway, tenant, 20, hello("tokens=300", "pace_ms=1", usage)))
    done.set()
    watcher.join()
    assert max(seen) <= limit
    assert "limit_reached" in codes
    found = api.limits()["daily"]
    assert (found["held"], found["spent"]) == (0, sum(event["output_tokens"] for event in tenant.events()))
    assert limit // 2 < found["spent"] <= limit


async def _streams(gateway: Gateway, tenant: Tenant, count: int, messages: Any) -> list[str | None]:
    """How each of so many streams at once ended."""
    body = {"model": "gpt-4o-mini", "messages": messages, "max_tokens": CAP, "stream": True}
    headers = {"authorization": f"Bearer {tenant.key}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30, trust_env=False, verify=False) as client:

        async def one() -> str | None:
            answer = await client.post(f"{gateway.base_url}/chat/completions", json=body)
            last = answer.content.strip().split(b"\n\n")[-1].removeprefix(b"data: ")
            if last == b"[DONE]":
                return None
            error: dict[str, Any] = orjson.loads(last)["error"]
            return str(error["code"])

        return await asyncio.gather(*(one() for _ in range(count)))


def test_stream_goes_on_while_the_store_is_away_until_its_room_is_used_and_settles_later(
    make_tenant: MakeTenant, api_of: ApiOf
) -> None:
    limits = [{"name": "daily", "meter": "output_tokens", "per": "day", "limit": 10_000}]
    tenant = make_tenant(output_reserve="learned", limits=limits)
    with chaos(settings.REDIS_URL) as store:
        own = {"REDIS_URL": store.url, "ORBIT_REDIS_TIMEOUT_MS": "100"}
        with (
            running_gateway(environment=own) as gateway,
            httpx2.Client(base_url=gateway.base_url + "/", timeout=10, trust_env=False, verify=False) as http,
            client_of(gateway, tenant) as client,
        ):
            taught(Api(http, tenant.key))
            stream = client.chat.completions.create(
                model="gpt-4o-mini", messages=said("tokens=400", "pace_ms=5"), max_tokens=CAP, stream=True
            )
            next(stream)
            store.black_hole()
            texts, error = read_until_error(stream)
            store.heal()
            last = calls(tenant, 21)[-1]
    assert error.code == "limiter_unavailable"
    assert texts
    assert (last["status"], last["code"]) == ("settled", "limiter_unavailable")
    assert 0 < last["output_tokens"] <= last["reserved"]["output_tokens"] < CAP
    assert held(api_of(tenant)) == {"daily": 0}


def held(api: Api) -> dict[str, int]:
    return {name: limit["held"] for name, limit in api.limits().items()}
