"""Retries and time-outs of the libraries' own: none is lost, none is repeated without end, each try is in the books."""

from __future__ import annotations

import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import agreed, calls, served
from tests.clients.conftest import MakeCaller
from tests.clients.driver import Answer
from tests.clients.libraries import Caller, Use, each_retrying_use, each_use

pytestmark = pytest.mark.full  # waits

TIMEOUTS = {"APITimeoutError", "APIConnectionTimeoutError", "TimeoutError", "AbortError", "Timeout"}


@each_retrying_use()
def test_library_tries_a_passing_fault_again_and_pays_once(
    make_caller: MakeCaller, use: Use, provider: ProviderHandle
) -> None:
    """The gateway is told to leave it to the library."""
    caller = make_caller(model={"retries": 0})
    once = ("status=503", "times=1", f"key={caller.tenant.slug}")
    answer = caller.ask("plain", "tokens=4", *once, max_retries=2)
    assert answer.value.get("text"), answer.error
    first, second = calls(caller.tenant, 2)
    assert (first["status"], first["cost_nano"]) == ("provider_failed", 0)
    assert (second["status"], second["output_tokens"]) == ("settled", 4)
    assert second["cost_nano"] == served(provider, second)["cost_nano"]


@each_use("retries")
def test_gateway_tries_a_passing_fault_again_before_the_library_has_to(
    caller: Caller, use: Use, provider: ProviderHandle
) -> None:
    answer = caller.ask("stream", "tokens=4", "status=503", "times=1", f"key={caller.tenant.slug}")
    assert answer.value.get("text"), answer.error
    assert answer.sent == 1
    [event] = calls(caller.tenant)
    failed, served_at_last = event["attempts"]
    assert (failed["http_status"], failed["cost_nano"]) == (503, 0)
    assert served_at_last["cost_nano"] == event["cost_nano"] > 0


@each_retrying_use()
def test_lasting_fault_ends_in_an_error_after_as_many_tries_as_were_asked_for(
    make_caller: MakeCaller, use: Use
) -> None:
    caller = make_caller(model={"retries": 0})
    answer = caller.refused("plain", "status=500", max_retries=1)
    assert answer.error["status"] == 502
    for event in calls(caller.tenant, 2):
        assert (event["status"], event["cost_nano"]) == ("provider_failed", 0)


@each_use("time-outs")
def test_library_that_waits_no_longer_raises_its_time_out_and_the_call_is_charged_once(
    caller: Caller, use: Use, provider: ProviderHandle
) -> None:
    """A plain call is the provider's work whether or not somebody still waits for it."""
    answer = caller.refused("plain", "tokens=5", "first_ms=1000", timeout_s=0.4)
    assert timed_out(answer), answer.error
    agreed(caller.tenant, provider)


def timed_out(answer: Answer) -> bool:
    names = {answer.error["class"], answer.error.get("name"), *answer.error.get("bases", [])}
    return not TIMEOUTS.isdisjoint(names)


@each_use("time-outs")
def test_provider_that_does_not_begin_is_a_gateway_time_out(make_caller: MakeCaller, use: Use) -> None:
    caller = make_caller(model={"timeouts": {"first_byte_s": 1}, "retries": 0})
    answer = caller.refused("plain", "tokens=5", "first_ms=2000")
    assert answer.error["status"] == 504
    [event] = calls(caller.tenant)
    assert (event["status"], event["code"]) == ("provider_failed", "upstream_timeout")
    assert 0 < event["cost_nano"] <= event["reserved"]["cost_nano"]
