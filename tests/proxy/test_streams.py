"""Streams in every dress that the format allows, through the gateway."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import agreed, calls, served
from tests.conftest import Tenant
from tests.proxy.conftest import Api, hello

TOKENS = 12


def texts(content: bytes) -> str:
    """What an honest reader of the format gets of it."""
    lines = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n\n")
    found = []
    for event in lines:
        data = b"\n".join(
            line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")
        ).strip()
        if data and data != b"[DONE]":
            chunk = orjson.loads(data)
            found += [choice["delta"].get("content") or "" for choice in chunk["choices"]]
    return "".join(found)


@pytest.mark.parametrize(
    "dress",
    [
        [],
        ["split=bytes"],
        ["split=odd"],
        ["split=7"],
        ["crlf"],
        ["cr"],
        ["crlf", "split=bytes"],
        ["cr", "split=bytes"],
        ["comments"],
        ["comments", "crlf", "split=3"],
        ["bom"],
        ["bom", "split=bytes"],
        ["multiline"],
        ["multiline", "crlf", "split=odd"],
        ["obfuscation"],
        ["chunks_per_write=5"],
        ["tokens_per_chunk=3"],
        ["long_line=100000"],
        ["no_done"],
    ],
    ids=" ".join,
)
def test_text_is_whole_and_usage_is_found(
    api: Api, tenant: Tenant, provider: ProviderHandle, dress: list[str]
) -> None:
    messages = hello(f"tokens={TOKENS}", *dress)
    plain = api.chat(messages=messages).json()["choices"][0]["message"]["content"]
    for asked in (False, True):
        options: dict[str, Any] = {"stream_options": {"include_usage": True}} if asked else {}
        streamed = api.chat(messages=messages, stream=True, **options)
        assert texts(streamed.content) == plain
        assert (b'"prompt_tokens"' in streamed.content) == asked
        assert (b'"usage"' in streamed.content) == asked
        assert (b"[DONE]" in streamed.content) == ("no_done" not in dress)
    for event in agreed(tenant, provider, 3):
        assert event["output_tokens"] == TOKENS


def test_bytes_pass_unchanged_when_usage_was_asked_for(api: Api, provider: ProviderHandle) -> None:
    """Nothing is written anew that need not be."""
    streamed = api.chat(
        messages=hello("tokens=5", "comments"), stream=True, stream_options={"include_usage": True}
    )
    record = provider.requests()[-1]
    assert record["body_bytes"] > 0
    assert streamed.content.count(b"data: ") == record["chunks"] + 4  # role, finish, usage, end
    assert b": " in streamed.content


def test_line_without_end_is_an_error_and_no_burden(
    api: Api, tenant: Tenant, provider: ProviderHandle
) -> None:
    streamed = api.chat(messages=hello("tokens=5", "long_line=10000000"), stream=True, max_tokens=50)
    assert len(streamed.content) < 5_000_000
    last = streamed.content.strip().split(b"\n\n")[-1]
    assert orjson.loads(last.removeprefix(b"data: "))["error"]["code"] == "upstream_error"
    [event] = calls(tenant)
    assert (event["status"], event["code"]) == ("provider_failed", "upstream_error")
    assert event["cost_nano"] <= event["reserved"]["cost_nano"]
    assert served(provider, event)["outcome"] in ("hung_up", "finished")


def test_what_comes_after_the_end_counts_for_nothing(
    api: Api, tenant: Tenant, provider: ProviderHandle
) -> None:
    streamed = api.chat(messages=hello(f"tokens={TOKENS}", "after_done"), stream=True)
    assert b"[DONE]" in streamed.content
    agreed(tenant, provider)


def test_final_error_is_the_last_event(api: Api, tenant: Tenant) -> None:
    streamed = api.chat(messages=hello("tokens=50", "cut_after_chunks=5"), stream=True)
    assert streamed.status_code == 200
    last = streamed.content.split(b"\n\n")[-2]
    error = orjson.loads(last.removeprefix(b"data: "))["error"]
    assert error["code"] == "upstream_error"
    assert error["type"] == "server_error"
    assert error["orbit"] == {"request_id": streamed.headers["x-orbit-request-id"]}
    assert b"[DONE]" not in streamed.content
    assert len(calls(tenant)) == 1
