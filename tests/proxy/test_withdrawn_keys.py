"""Calls that run while their key is suspended or revoked, or its project or organization goes: ended, charged, told."""

from __future__ import annotations

import http.client
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import httpx2
import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from tenants import services
from tests.clients.books import agreed, calls, served
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway, running_gateway
from tests.proxy.conftest import Api, ApiOf, hello
from tests.proxy.media import POLICY, PRICED
from tests.proxy.responses import create, openai, text
from tests.proxy.test_changes_take_effect import key_of, put
from tests.proxy.test_disconnect import DRAIN, Leaver
from tests.proxy.test_speech import spoken

LONG = ("tokens=1500", "pace_ms=10")  # longer than any test waits
Act = Callable[[Tenant], object]
SUSPENDED, INVALID = "suspended", "invalid_api_key"


def suspend_key(tenant: Tenant) -> object:
    return services.suspend_key(
        organization_id=tenant.id, key_id=key_of(tenant).pk, reason="a leak", actor="test"
    )


def revoke_key(tenant: Tenant) -> object:
    return services.revoke_key(organization_id=tenant.id, key_id=key_of(tenant).pk, actor="test")


def rotate_at_once(tenant: Tenant) -> object:
    return services.rotate_key(
        organization_id=tenant.id, key_id=key_of(tenant).pk, overlap=timedelta(), actor="test"
    )


ACTS: dict[str, tuple[Act, str]] = {
    "organization suspended": (
        lambda t: services.suspend_organization(organization_id=t.id, reason="unpaid", actor="test"),
        SUSPENDED,
    ),
    "organization deleted": (
        lambda t: services.delete_organization(organization_id=t.id, actor="test"),
        SUSPENDED,
    ),
    "project suspended": (
        lambda t: services.suspend_project(organization_id=t.id, slug="app", reason="a leak", actor="test"),
        SUSPENDED,
    ),
    "project archived": (
        lambda t: services.archive_project(organization_id=t.id, slug="app", actor="test"),
        INVALID,
    ),
    "key suspended": (suspend_key, SUSPENDED),
    "key revoked": (revoke_key, INVALID),
    "secret replaced at once": (rotate_at_once, INVALID),
}


@pytest.fixture(scope="module")
def gateway(provider: ProviderHandle) -> Iterator[Gateway]:
    """Renews more often than usual, so that no test waits for long."""
    with running_gateway(environment={"ORBIT_LEASE_S": "4"}) as running:
        yield running


MakeClient = Callable[..., Leaver]


@pytest.fixture
def client_of(gateway: Gateway) -> Iterator[MakeClient]:
    """`client_of(tenant, "tokens=3", stream=False)`: one call that has been sent."""
    with ExitStack() as stack:

        def make(tenant: Tenant, *directives: str, **fields: Any) -> Leaver:
            made = Leaver(gateway, tenant, *directives, **fields)
            stack.callback(made.socket.close)
            return made

        yield make


def reads(client: Leaver) -> bytes:
    """All that is left of a stream."""
    content = b""
    while not content.endswith(b"0\r\n\r\n"):
        piece = client.socket.recv(65536)
        assert piece, content
        content += piece
    return content


def answered(client: Leaver) -> tuple[int, str]:
    """Status and code of a plain answer."""
    answer = http.client.HTTPResponse(client.socket)
    answer.begin()
    error = orjson.loads(answer.read())["error"]
    return answer.status, error["code"]


def wait_until_open(provider: ProviderHandle, more_than: int) -> None:
    """The provider has the call."""
    deadline = time.monotonic() + 10
    while provider.summary()["open"] <= more_than:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def settled(tenant: Tenant, count: int = 1) -> dict[str, Any]:
    """The last call, of a provider that takes its time."""
    deadline = time.monotonic() + 20
    while len(tenant.events()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return calls(tenant, count)[-1]


def last_event(content: bytes) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(content.rsplit(b"data: ", 1)[1].split(b"\n", 1)[0])
    return found


@pytest.mark.parametrize(
    "how", [one if one == "key revoked" else pytest.param(one, marks=pytest.mark.full) for one in ACTS]
)
def test_stream_ends_with_the_error_of_its_next_call(
    client_of: MakeClient, tenant: Tenant, provider: ProviderHandle, how: str
) -> None:
    act, code = ACTS[how]
    client = client_of(tenant, *LONG, "usage=running", max_tokens=2000)
    client.read(3)
    act(tenant)
    content = reads(client)
    assert last_event(content)["error"]["code"] == code
    assert b"[DONE]" not in content
    [event] = calls(tenant)
    record = served(provider, event)
    assert record["outcome"] == "hung_up"
    assert (event["status"], event["code"], event["usage_source"]) == ("settled", code, "partial")
    assert 0 < event["cost_nano"] <= record["cost_nano"]
    assert event["output_tokens"] < 1500


def test_stream_in_anthropics_format_ends_with_its_error_event(
    gateway: Gateway, tenant: Tenant, api: Api
) -> None:
    body = {
        "model": "gpt-4o-mini",
        "messages": hello(*LONG),
        "max_tokens": 2000,
        "stream": True,
    }
    acted, content = False, b""
    headers = {"x-api-key": tenant.key}
    with api.http.stream("POST", "messages", content=orjson.dumps(body), headers=headers) as answer:
        for piece in answer.iter_bytes():
            content += piece
            if b"content_block_delta" in content and not acted:
                acted = bool(suspend_key(tenant))
    assert b"event: error\ndata: " in content
    error = last_event(content)["error"]
    assert (error["type"], error["code"]) == ("permission_error", SUSPENDED)
    assert b"message_stop" not in content
    [event] = calls(tenant)
    assert event["code"] == SUSPENDED


def test_plain_call_is_answered_at_once_and_charged_what_the_provider_says(
    client_of: MakeClient, tenant: Tenant, provider: ProviderHandle
) -> None:
    """Hanging up would stop no provider and tell nobody what it charges."""
    open_before = provider.summary()["open"]
    client = client_of(tenant, "tokens=20", "first_ms=6000", stream=False)
    wait_until_open(provider, open_before)
    suspend_key(tenant)
    assert answered(client) == (403, SUSPENDED)
    assert provider.summary()["open"] > open_before  # it still works on it
    settled(tenant)
    [event] = agreed(tenant, provider)
    assert (event["code"], event["output_tokens"]) == (SUSPENDED, 20)


def test_stream_that_has_not_begun_is_answered_with_the_refusal(
    client_of: MakeClient, tenant: Tenant, provider: ProviderHandle
) -> None:
    open_before = provider.summary()["open"]
    client = client_of(tenant, *LONG, "first_ms=4000")
    wait_until_open(provider, open_before)
    revoke_key(tenant)
    assert answered(client) == (401, INVALID)
    event = settled(tenant)
    assert (event["code"], served(provider, event)["outcome"]) == (INVALID, "hung_up")
    assert event["output_tokens"] < 500


def test_plain_call_that_is_metered_stops_its_provider(
    client_of: MakeClient, make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle
) -> None:
    tenant = make_tenant(output_reserve="learned")
    api = api_of(tenant)
    for _ in range(20):
        assert api.chat(messages=hello("tokens=10"), max_tokens=2000).status_code == 200
    open_before = provider.summary()["open"]
    client = client_of(tenant, *LONG, stream=False, max_tokens=2000)
    wait_until_open(provider, open_before)
    suspend_key(tenant)
    assert answered(client) == (403, SUSPENDED)
    event = settled(tenant, 21)
    assert (event["status"], event["code"]) == ("settled", SUSPENDED)
    assert served(provider, event)["outcome"] == "hung_up"


def test_stream_that_is_read_on_for_a_client_who_left_ends_too(
    client_of: MakeClient, make_tenant: MakeTenant, provider: ProviderHandle
) -> None:
    tenant = make_tenant(on_disconnect=DRAIN)
    client = client_of(tenant, *LONG, max_tokens=2000)
    client.read(3)
    client.leave("fin")
    suspend_key(tenant)
    [event] = calls(tenant)
    assert (event["status"], event["code"]) == ("client_gone", SUSPENDED)
    assert served(provider, event)["outcome"] == "hung_up"
    assert event["output_tokens"] < 1500


def test_response_in_the_background_is_cancelled_at_its_provider(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle
) -> None:
    tenant = make_tenant(openai(provider))
    assert create(api_of(tenant), text(*LONG), background=True).json()["status"] == "queued"
    suspend_key(tenant)
    [event] = calls(tenant)
    assert (event["status"], event["code"]) == ("settled", SUSPENDED)
    assert served(provider, event)["outcome"] == "cancelled"


def test_sound_breaks_off_where_nothing_can_be_said(
    gateway: Gateway, make_tenant: MakeTenant, provider: ProviderHandle
) -> None:
    tenant = make_tenant(entry=dict(PRICED), **POLICY)
    with spoken(gateway, tenant, "tokens=1500", "pace_ms=10") as pieces:
        next(pieces)
        suspend_key(tenant)
        with pytest.raises(httpx2.RemoteProtocolError):
            deque(pieces)
    [event] = calls(tenant)
    assert (event["status"], event["code"]) == ("settled", SUSPENDED)
    assert served(provider, event)["outcome"] == "hung_up"


def test_other_changes_end_nothing(client_of: MakeClient, tenant: Tenant, provider: ProviderHandle) -> None:
    """What a call was admitted by holds for it: only its key, project and organization are asked about."""
    key = key_of(tenant)
    second, _ = services.issue_key(organization_id=tenant.id, project="app", name="second", actor="test")
    client = client_of(tenant, "tokens=250", "pace_ms=10")
    client.read(3)
    put(tenant, allow={"models": ["gpt-4o"]})
    services.revoke_key(organization_id=tenant.id, key_id=second.pk, actor="test")
    services.rotate_key(organization_id=tenant.id, key_id=key.pk, actor="test")
    assert b"data: [DONE]" in reads(client)
    [event] = agreed(tenant, provider)
    assert (event["output_tokens"], event.get("code")) == (250, None)
