"""Responses that the provider keeps: gone on with, read, deleted, and made in the background."""

from __future__ import annotations

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import agreed, served
from tests.clients.libraries import Caller, Use, each_use
from tests.clients.test_features import CALL, WEATHER


@each_use("previous_response_id")
def test_conversation_goes_on_by_id(caller: Caller, use: Use, provider: ProviderHandle) -> None:
    told = caller.told("by_id", text=WEATHER, result="21 degrees")
    assert told["calls"] == [CALL]
    assert "21 degrees" in told["text"]
    _, second = agreed(caller.tenant, provider, 2)
    sent = served(provider, second)["fields"]
    assert [item["type"] for item in sent["input"]] == ["function_call_output"]
    assert sent["previous_response_id"]


@each_use("references to items")
def test_what_was_answered_is_referred_to(caller: Caller, use: Use, provider: ProviderHandle) -> None:
    assert caller.told("two_turns", "tokens=5")["text"]
    _, second = agreed(caller.tenant, provider, 2)
    sent = served(provider, second)["fields"]["input"]
    assert [item.get("type", "message") for item in sent] == ["message", "item_reference", "message"]


@each_use("stored")
def test_stored_response_is_read_and_deleted(caller: Caller, use: Use, provider: ProviderHandle) -> None:
    told = caller.told("stored", "tokens=5")
    assert told["found"] == told["text"] != ""
    assert told["items"] == ["message"]
    assert caller.refused("retrieved", id=told["id"]).error["status"] == 404
    agreed(caller.tenant, provider)  # one call, and nothing for what was read


@each_use("count of the input")
def test_input_is_counted_as_it_is_charged(caller: Caller, use: Use, provider: ProviderHandle) -> None:
    counted = caller.told("counted", "tokens=5")
    caller.told("plain", "tokens=5")
    [event] = agreed(caller.tenant, provider)
    assert counted["input_tokens"] == event["input_tokens"]


@each_use("background")
def test_response_in_the_background_is_waited_for(caller: Caller, use: Use) -> None:
    told = caller.told("background", "tokens=20", "first_ms=100", "pace_ms=5")
    assert (told["began"], told["finish"], told["output_tokens"]) == ("queued", "completed", 20)
    assert told["text"]


@each_use("background")
def test_cancelled_response_says_so(caller: Caller, use: Use) -> None:
    assert caller.told("cancelled", "tokens=300", "pace_ms=20")["finish"] == "cancelled"
