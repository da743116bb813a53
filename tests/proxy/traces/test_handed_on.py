"""Whose traces are kept, and what providers are told of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock
from uuid import uuid4

import httpx2
import pytest

from orbit.demo.provider.process import ProviderHandle
from orbit.lib.errors import Code, OrbitError
from orbit.lib.traces import Parent
from proxy.request import GatewayRequest
from proxy.traces.trace import begun
from proxy.traces.tracer import Tracer
from tests.conftest import Tenant
from tests.gateway import Gateway
from tests.proxy.conftest import Api
from tests.proxy.traces.conftest import Caller, Traced

WHOLE = 2**56
TRACE = bytes(range(1, 17))


def heard(provider: ProviderHandle, answer: httpx2.Response) -> dict[str, str]:
    """The headers of the provider's last request."""
    assert answer.status_code == 200, answer.text
    return dict(provider.requests()[-1]["headers"])


def test_provider_is_told_its_attempt(
    api: Api, traced: Traced, caller: Caller, provider: ProviderHandle
) -> None:
    answer = api.chat(caller.header())
    spans = traced.collector.trace(answer.headers["x-orbit-request-id"], 4)
    [attempt] = [one for one in spans if one["kind"] == 3]
    told = heard(provider, answer)
    assert told["traceparent"] == f"00-{caller.trace_id}-{attempt['span_id']}-01"
    assert told["tracestate"] == "vendor=1"


def test_trace_that_its_caller_does_not_keep_is_handed_on_and_not_sent(
    api: Api, traced: Traced, caller: Caller, provider: ProviderHandle
) -> None:
    told = heard(provider, api.chat(caller.header("00")))
    assert told["traceparent"].startswith(f"00-{caller.trace_id}-")
    assert told["traceparent"].endswith("-00")
    after = api.chat()  # sent later than the other would have been
    traced.collector.trace(after.headers["x-orbit-request-id"], 4)
    assert not [one for one in traced.collector.spans() if one["trace_id"] == caller.trace_id]


@pytest.fixture
def untraced(gateway: Gateway, tenant: Tenant) -> Iterator[Api]:
    with httpx2.Client(base_url=gateway.base_url + "/", timeout=10, trust_env=False) as client:
        yield Api(client, tenant.key)


def test_provider_is_told_nothing_by_itself(untraced: Api, caller: Caller, provider: ProviderHandle) -> None:
    told = heard(provider, untraced.chat(caller.header()))
    assert not {"traceparent", "tracestate"} & told.keys()


@pytest.mark.parametrize(
    ("percent", "flag", "kept"), [(100, True, True), (100, False, False), (0, True, False)]
)
def test_share_and_caller_must_both_want_a_trace(percent: int, flag: bool, kept: bool) -> None:
    found = begun(Parent(TRACE, b"12345678", flag), WHOLE * percent // 100, outward=False)
    assert (found is not None) is kept


class Kept:
    """In an exporter's place."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.put = self.spans.extend


def test_settled_call_whose_client_gets_an_error_has_one_span_of_its_own() -> None:
    kept: Any = Kept()
    tracer = Tracer(kept, 100, outward=False)
    raw = GatewayRequest("POST", "/v1/chat/completions", {}, b"")
    raw.trace, raw.request_id, principal = tracer.begin({}), uuid4(), MagicMock()
    principal.organization.models = {}
    raw.principal = principal
    error = OrbitError(Code.SHUTTING_DOWN, "The gateway is restarting.")
    assert raw.trace is not None
    raw.trace.settling_ns = raw.trace.now()
    tracer.turned_away(raw, "chat/completions", error)
    assert kept.spans == []
    raw.trace.settling_ns = 0
    tracer.turned_away(raw, "chat/completions", error)
    assert [one.error for one in kept.spans] == ["shutting_down"]
    raw.principal = None  # whoever has no key that is known
    tracer.turned_away(raw, "chat/completions", error)
    assert len(kept.spans) == 1


def test_share_of_traces_is_told_by_their_ids() -> None:
    below = WHOLE // 4
    low, high = TRACE[:9] + bytes(7), TRACE[:9] + b"\xff" * 7
    assert begun(Parent(low, b"12345678", True), below, outward=False) is not None
    assert begun(Parent(high, b"12345678", True), below, outward=False) is None
    kept = sum(begun(None, below, outward=False) is not None for _ in range(4000))
    assert 800 < kept < 1200
