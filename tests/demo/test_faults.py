"""Faults on request, seen byte by byte."""

import gzip
import signal
import subprocess
import sys
import time
from typing import Any

import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle, running_provider

from .conftest import KEY, Raw, read_answer, unchunked

WITH_USAGE: dict[str, Any] = {"stream_options": {"include_usage": True}}


def _usages(events: list[Any]) -> list[Any]:
    return [event["usage"] for event in events if event.get("usage")]


def test_status_comes_in_openai_shape_with_retry_after(raw: Raw) -> None:
    received, _ = raw.ask("status=429 retry_after=7 code=slow_down", stream=False)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 429 ")
    assert b"retry-after: 7\r\n" in head
    assert orjson.loads(body)["error"]["code"] == "slow_down"


def test_html_error_and_redirect(raw: Raw) -> None:
    html, _ = raw.ask("html_error", stream=False)
    assert html.startswith(b"HTTP/1.1 502")
    assert b"text/html" in html
    redirect, _ = raw.ask("redirect=http://169.254.169.254/latest", stream=False)
    assert redirect.startswith(b"HTTP/1.1 307")
    assert b"location: http://169.254.169.254/latest\r\n" in redirect


def test_directives_work_from_the_model_name_and_from_the_message(raw: Raw, provider: ProviderHandle) -> None:
    raw.ask("", stream=False, model="demo-chat?tokens=4&prompt_tokens=50")
    message = {"role": "user", "content": [{"type": "text", "text": "Hi\n[[orbit-demo: tokens=5 cached=9]]"}]}
    raw.ask("", stream=False, messages=[message, {"role": "assistant", "content": "x"}])
    first, second = provider.requests()
    assert (first["completion_tokens"], first["prompt_tokens"], first["model"]) == (4, 50, "demo-chat")
    assert (second["completion_tokens"], second["cached_tokens"]) == (5, 9)


@pytest.mark.parametrize(
    "directives", ["nonsense=1", "tokens=many", "status=200", "usage=wrong", "split=none"]
)
def test_misspelt_directive_is_refused(raw: Raw, directives: str) -> None:
    received, _ = raw.ask(directives)
    assert received.startswith(b"HTTP/1.1 400")
    assert b"demo_directive_invalid" in received


def test_times_limits_a_fault_to_the_first_requests(raw: Raw) -> None:
    answers = [raw.ask("status=503 times=2 key=k1", stream=False)[0] for _ in range(3)]
    assert [answer.split()[1] for answer in answers] == [b"503", b"503", b"200"]


@pytest.mark.parametrize("count", [0, 1, 300, 900])
def test_connection_is_reset_after_exactly_so_many_bytes(raw: Raw, count: int) -> None:
    received, ending = raw.ask(f"cut_after_bytes={count} tokens=20")
    assert (len(received), ending) == (count, "reset")


def test_fin_after_chunks(raw: Raw, provider: ProviderHandle) -> None:
    received, ending = raw.ask("fin_after_chunks=3 tokens=20")
    assert ending == "fin"
    assert received.count(b'"content":"') == 4
    record = provider.wait_idle() and provider.requests()[0]
    assert (record["outcome"], record["completion_tokens"], record["chunks"]) == ("cut", 3, 3)


def test_plain_answer_cut_half_way(raw: Raw) -> None:
    assert raw.ask("fin_after_chunks=1", stream=False)[1] == "fin"
    assert raw.ask("cut_after_chunks=1", stream=False)[1] == "reset"


def test_silence_then_the_rest(raw: Raw) -> None:
    started = time.monotonic()
    _, ending = raw.ask("stall_after_chunks=2 stall_s=1 tokens=4")
    assert ending == "complete"
    assert 0.9 < time.monotonic() - started < 3


def test_error_event_ends_the_stream(raw: Raw, provider: ProviderHandle) -> None:
    received, _ = raw.ask("error_after_chunks=2 tokens=9 error_event")
    text = unchunked(received)
    assert text.count(b'"content":') == 3
    assert b'event: error\ndata: {"error":{' in text
    assert b"[DONE]" not in text
    provider.wait_idle()
    assert provider.requests()[0]["completion_tokens"] == 2


def test_fault_beyond_the_end_of_the_text_still_happens(raw: Raw) -> None:
    received, ending = raw.ask("cut_after_chunks=100 tokens=2")
    assert ending == "reset"
    assert b"[DONE]" not in received


@pytest.mark.parametrize("how", ["bytes", "odd", "7"])
def test_split_writes_change_no_byte_of_the_meaning(raw: Raw, how: str) -> None:
    def contents(directives: str) -> list[Any]:
        return [event["choices"] for event in raw.events(directives)]

    assert contents(f"tokens=12 split={how}") == contents("tokens=12")


def test_line_ends_comments_bom_and_missing_done(raw: Raw) -> None:
    text = unchunked(raw.ask("tokens=2 crlf comments bom no_done multiline")[0])
    assert text.startswith("\ufeff: ".encode())
    assert b"[DONE]" not in text
    assert b"\r\ndata: \r\n\r\n" in text
    assert b"\n" not in unchunked(raw.ask("tokens=2 cr")[0])


def test_long_line_and_event_after_done(raw: Raw) -> None:
    text = unchunked(raw.ask("tokens=2 long_line=100000 after_done")[0])
    assert max(map(len, text.split(b"\n"))) > 100_000
    assert b"another thing" in text.partition(b"[DONE]")[2]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("missing", []),
        ("null", []),
        ("zero", [0]),
        ("negative", [-5]),
        ("huge", [2**63]),
        ("string", ["5"]),
        ("excessive", [50]),
        ("twice", [5, 5]),
        ("with_finish", [5]),
        ("decreasing", [0, 1, 2, 3, 4, 5, 2]),
        ("running", [0, 1, 2, 3, 4, 5, 5]),
    ],
)
def test_odd_usage_in_streams_leaves_the_true_cost(
    raw: Raw, provider: ProviderHandle, kind: str, expected: list[Any]
) -> None:
    events = raw.events(f"tokens=5 usage={kind}", **WITH_USAGE)
    assert [usage["completion_tokens"] for usage in _usages(events)] == expected
    provider.wait_idle()
    record = provider.requests()[0]
    assert record["completion_tokens"] == 5
    assert record["cost_nano"] == record["prompt_tokens"] * 150 + 5 * 600


def test_contradictory_usage(raw: Raw) -> None:
    usage = _usages(raw.events("tokens=5 usage=contradictory", **WITH_USAGE))[0]
    assert usage["prompt_tokens_details"]["cached_tokens"] > usage["prompt_tokens"]
    assert usage["total_tokens"] != usage["prompt_tokens"] + usage["completion_tokens"]


def test_reasoning_counts_as_completion_and_against_the_limit(raw: Raw) -> None:
    usage = _usages(raw.events("tokens=20 reasoning=8", max_tokens=10, **WITH_USAGE))[0]
    assert usage["completion_tokens"] == 10
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 8


def test_tokens_per_chunk(raw: Raw, provider: ProviderHandle) -> None:
    raw.events("tokens=10 tokens_per_chunk=4")
    provider.wait_idle()
    assert (provider.requests()[0]["chunks"], provider.requests()[0]["completion_tokens"]) == (3, 10)


def test_content_length_off(raw: Raw) -> None:
    received, ending = raw.ask("content_length_off", stream=False)
    assert ending == "fin"
    assert received.endswith(b"}")


def test_gzip_bomb_and_evil_headers(raw: Raw) -> None:
    received, _ = raw.ask("gzip_bomb=8 evil_headers", stream=False)
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"content-encoding: gzip" in head
    assert b"set-cookie: " in head
    assert len(body) < 20_000 < 8_000_000 < len(gzip.decompress(body))


def test_refused_parameters(raw: Raw) -> None:
    received, _ = raw.ask("refuse_params=stream_options,user", **WITH_USAGE)
    assert received.startswith(b"HTTP/1.1 400")
    assert b"stream_options" in received


def test_echo_leaves_the_directives_out(raw: Raw) -> None:
    message = {"role": "user", "content": 'Say "é" and 7.\n[[orbit-demo: echo]]'}
    events = raw.events("", messages=[message])
    text = "".join(event["choices"][0]["delta"].get("content", "") for event in events)
    assert text == 'Say "é" and 7.'


def test_malformed_bodies_are_refused_and_free(raw: Raw, provider: ProviderHandle) -> None:
    with raw.connect({}) as connection:
        assert b"must provide a model" in read_answer(connection)[0]
    with raw.connect([1]) as connection:  # type: ignore[arg-type]
        assert b"could not parse the JSON" in read_answer(connection)[0]
    assert b"Invalid type for 'tools'" in raw.ask("", tools=5)[0]
    assert provider.summary()["cost_nano"] == 0


def test_pace_is_kept(raw: Raw) -> None:
    started = time.monotonic()
    raw.ask("tokens=10 pace_ms=30 first_ms=100")
    assert 0.35 < time.monotonic() - started < 1.5


_CALLER = """
import json, sys, urllib.request
messages = [{"role": "user", "content": "[[orbit-demo: " + sys.argv[2] + "]]"}]
body = json.dumps({"model": "demo-chat", "stream": True, "messages": messages}).encode()
request = urllib.request.Request(sys.argv[1], body, {"Authorization": "Bearer sk-demo"})
urllib.request.urlopen(request).read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_provider_kills_exactly_the_process_it_serves(provider: ProviderHandle) -> None:
    address = f"{provider.base_url}/chat/completions"
    caller = subprocess.Popen([sys.executable, "-c", _CALLER, address, "kill_peer_after_chunks=3"])
    assert caller.wait(10) == -signal.SIGKILL
    provider.wait_idle()
    record = provider.requests()[0]
    assert (record["killed_pid"], record["outcome"], record["completion_tokens"]) == (
        caller.pid,
        "hung_up",
        3,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_provider_kills_at_a_byte_of_its_answer(provider: ProviderHandle) -> None:
    address = f"{provider.base_url}/chat/completions"
    caller = subprocess.Popen([sys.executable, "-c", _CALLER, address, "kill_peer_after_bytes=1500"])
    assert caller.wait(10) == -signal.SIGKILL
    provider.wait_idle()
    record = provider.requests()[0]
    assert (record["killed_pid"], record["bytes_sent"]) == (caller.pid, 1500)


def test_kill_needs_permission() -> None:
    with running_provider() as provider:
        received, ending = Raw(provider).ask("kill_peer_after_chunks=1 tokens=3")
        assert ending == "complete"
        assert "refused" in provider.requests()[0]["note"]
    assert KEY not in received.decode()
