"""What applications do with their library, before every kind of account: the answers, and both sides' books."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import agreed, served
from tests.clients.libraries import ANTHROPIC, RESPONSES, Caller, Library, Use, each_use

pytestmark = pytest.mark.full  # one by one, what the other tests of this folder show in parts

WEATHER = "What is the weather in Rome, in celsius?"
CALL = {"name": "get_weather", "input": {"location": "Rome", "unit": "celsius"}}


def ended(library: Library) -> str:
    """How a library says that the model had no more to say."""
    if keeps_responses(library):
        return "completed"
    return "end_turn" if keeps_messages(library) else "stop"


def called(library: Library) -> str:
    if keeps_responses(library):
        return "completed"
    if keeps_messages(library):
        return "tool_use"
    return "tool-calls" if library.name.startswith("vercel") else "tool_calls"


def keeps_messages(library: Library) -> bool:
    """Whether it leaves Anthropic's own words as they are."""
    return library.surface == ANTHROPIC and not library.name.startswith(("vercel", "litellm"))


def keeps_responses(library: Library) -> bool:
    """Likewise; of Responses, where a call is one more item of what is complete."""
    return library.surface == RESPONSES and not library.name.startswith("vercel")


def the_same(told: dict[str, Any], event: dict[str, Any]) -> None:
    assert (told["input_tokens"], told["output_tokens"]) == (event["input_tokens"], event["output_tokens"])


@each_use("plain")
def test_plain_answer_is_counted_alike_by_library_ledger_and_provider(
    caller: Caller, use: Use, provider: ProviderHandle
) -> None:
    told = caller.told("plain", "tokens=12")
    assert told["text"]
    assert told["finish"] == ended(use.library)
    [event] = agreed(caller.tenant, provider)
    the_same(told, event)
    assert (event["output_tokens"], event["stream"]) == (12, False)
    assert event["cost_nano"] > 0


@each_use("streaming")
def test_stream_comes_in_pieces_and_is_counted_alike(
    caller: Caller, use: Use, provider: ProviderHandle
) -> None:
    told = caller.told("stream", "tokens=12")
    plain = caller.told("plain", "tokens=12")
    assert told["text"] == plain["text"]
    assert told["pieces"] > 3
    assert told["finish"] == ended(use.library)
    streamed, whole = agreed(caller.tenant, provider, 2)
    the_same(told, streamed)
    assert (streamed["stream"], streamed["output_tokens"]) == (True, 12)
    assert streamed["cost_nano"] == whole["cost_nano"]


@each_use("tools")
def test_tool_is_called_and_its_result_is_answered(
    caller: Caller, use: Use, provider: ProviderHandle
) -> None:
    tool_trip(caller, use, "tools", provider)


@each_use("streamed tools")
def test_streamed_tool_call_is_put_together_and_its_result_is_answered(
    caller: Caller, use: Use, provider: ProviderHandle
) -> None:
    tool_trip(caller, use, "streamed_tools", provider)


def tool_trip(caller: Caller, use: Use, case: str, provider: ProviderHandle) -> None:
    told = caller.told(case, text=WEATHER, result="21 degrees")
    assert told["calls"] == [CALL]
    assert told["called"] == called(use.library)
    assert "21 degrees" in told["text"]
    assert told["finish"] == ended(use.library)
    first, second = agreed(caller.tenant, provider, 2)
    the_same(told, second)
    assert first["cost_nano"] > 0


@each_use("structured output")
def test_structured_answer_parses(caller: Caller, use: Use, provider: ProviderHandle) -> None:
    told = caller.told("structured", text="Three nights in Rome, please.")
    assert set(told["object"]) == {"city", "nights"}
    assert isinstance(told["object"]["nights"], int)
    [event] = agreed(caller.tenant, provider)
    the_same(told, event)


def picture(side: int) -> str:
    """A red square."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\xff\0\0" * side) * side
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode()


@each_use("images")
def test_picture_reaches_the_provider_whole(caller: Caller, use: Use, provider: ProviderHandle) -> None:
    png = picture(32)
    told = caller.told("image", "tokens=12", text="What is in this picture?", png=png)
    assert told["text"]
    [event] = agreed(caller.tenant, provider)
    the_same(told, event)
    assert png in orjson.dumps(served(provider, event)["fields"]).decode()
