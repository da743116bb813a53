"""Faults of the Messages format on request, seen byte by byte."""

from typing import Any

import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle

from .conftest import RawMessages, read_answer, unchunked


def test_events_come_in_the_vendors_order_and_by_name(raw_messages: RawMessages) -> None:
    lines = unchunked(raw_messages.ask("tokens=2")[0]).split(b"\n")
    names = [line[7:].decode() for line in lines if line.startswith(b"event: ")]
    assert names == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert names == [event["type"] for event in raw_messages.events("tokens=2")]


def test_head_is_anthropics(raw_messages: RawMessages) -> None:
    head = raw_messages.ask("", stream=False)[0].partition(b"\r\n\r\n")[0]
    assert b"\r\nrequest-id: req_demo_" in head
    assert b"\r\nanthropic-organization-id: " in head
    for kind in (b"requests", b"tokens", b"input-tokens", b"output-tokens"):
        for what in (b"limit", b"remaining", b"reset"):
            assert b"\r\nanthropic-ratelimit-" + kind + b"-" + what + b": " in head
    assert b"openai" not in head


@pytest.mark.parametrize(
    ("status", "kind", "again"),
    [
        (400, "invalid_request_error", b"false"),
        (402, "billing_error", b"false"),
        (413, "request_too_large", b"false"),
        (429, "rate_limit_error", b"true"),
        (500, "api_error", b"true"),
        (504, "timeout_error", b"true"),
        (529, "overloaded_error", b"true"),
    ],
)
def test_status_comes_in_anthropics_shape(
    raw_messages: RawMessages, provider: ProviderHandle, status: int, kind: str, again: bytes
) -> None:
    head, _, body = raw_messages.ask(f"status={status} retry_after=7")[0].partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nretry-after: 7\r\n" in head
    assert b"\r\nx-should-retry: " + again in head
    assert orjson.loads(body)["error"]["type"] == kind
    assert provider.wait_idle()["cost_nano"] == 0


def test_spend_limit_says_not_to_try_again(raw_messages: RawMessages) -> None:
    received, _ = raw_messages.ask("status=429 code=enforced_spend_limit_reached")
    assert b"x-should-retry: false" in received
    assert b'"details":{"error_code":"enforced_spend_limit_reached"}' in received


def test_misspelt_directive_is_refused_in_anthropics_shape(raw_messages: RawMessages) -> None:
    fields = {"model": "demo-claude?tokns=5", "max_tokens": 5, "messages": []}
    status, error = raw_messages.refused(fields)
    assert (status, error["details"]) == (400, {"error_code": "demo_directive_invalid"})


def test_refused_parameters_and_times(raw_messages: RawMessages) -> None:
    assert b"metadata: Extra inputs" in raw_messages.ask("refuse_params=metadata", metadata={})[0]
    answers = [raw_messages.ask("status=529 times=2 key=m1", stream=False)[0] for _ in range(3)]
    assert [answer.split()[1] for answer in answers] == [b"529", b"529", b"200"]


@pytest.mark.parametrize("count", [0, 1, 700, 1_500])
def test_connection_is_reset_after_exactly_so_many_bytes(raw_messages: RawMessages, count: int) -> None:
    received, ending = raw_messages.ask(f"cut_after_bytes={count} tokens=20")
    assert (len(received), ending) == (count, "reset")


@pytest.mark.parametrize(("directive", "how"), [("fin_after_chunks", "fin"), ("cut_after_chunks", "reset")])
def test_cut_stream_is_charged_for_its_chunks(
    raw_messages: RawMessages, provider: ProviderHandle, directive: str, how: str
) -> None:
    received, ending = raw_messages.ask(f"{directive}=3 tokens=20")
    assert ending == how
    assert received.count(b"text_delta") == 3
    assert b"message_delta" not in received
    provider.wait_idle()
    record = provider.requests()[0]
    assert (record["outcome"], record["completion_tokens"], record["chunks"]) == ("cut", 3, 3)
    assert record["cost_nano"] == record["prompt_tokens"] * 3_000 + 3 * 15_000
    assert [usage["output_tokens"] for usage in record["reported_usage"]] == [1]


def test_thinking_of_a_cut_stream_is_counted_with_its_chunks(
    raw_messages: RawMessages, provider: ProviderHandle
) -> None:
    raw_messages.ask("fin_after_chunks=3 reasoning=9", thinking={"type": "adaptive"})
    provider.wait_idle()
    record = provider.requests()[0]
    assert (record["completion_tokens"], record["reasoning_tokens"]) == (3, 3)


def test_plain_answer_cut_half_way(raw_messages: RawMessages) -> None:
    assert raw_messages.ask("fin_after_chunks=1", stream=False)[1] == "fin"
    assert raw_messages.ask("cut_after_chunks=1", stream=False)[1] == "reset"


@pytest.mark.parametrize(
    ("code", "kind", "details"),
    [("", "overloaded_error", None), ("api_error", "api_error", None), ("x1", "overloaded_error", "x1")],
)
def test_error_event_ends_the_stream(
    raw_messages: RawMessages, provider: ProviderHandle, code: str, kind: str, details: str | None
) -> None:
    directives = "error_after_chunks=2 tokens=9" + (f" code={code}" if code else "")
    text = unchunked(raw_messages.ask(directives)[0])
    assert text.count(b"text_delta") == 2
    name, _, payload = text.rstrip().rpartition(b"\n\n")[2].partition(b"\n")
    error = orjson.loads(payload.removeprefix(b"data: "))
    assert name == b"event: error"
    assert error["error"]["type"] == kind
    assert error["error"].get("details") == (details and {"error_code": details})
    provider.wait_idle()
    assert (provider.requests()[0]["completion_tokens"], provider.requests()[0]["outcome"]) == (2, "cut")


@pytest.mark.parametrize("how", ["bytes", "odd", "7"])
def test_split_writes_change_no_byte_of_the_meaning(raw_messages: RawMessages, how: str) -> None:
    def deltas(directives: str) -> list[Any]:
        return raw_messages.events(directives)[1:]

    assert deltas(f"tokens=12 split={how}") == deltas("tokens=12")


def test_line_ends_comments_bom_and_missing_stop(raw_messages: RawMessages) -> None:
    text = unchunked(raw_messages.ask("tokens=2 crlf comments bom no_done multiline")[0])
    assert text.startswith("\ufeff: ".encode())
    assert b"message_stop" not in text
    assert b"\r\n\r\nevent: message_delta\r\ndata: {" in text
    assert b"}\r\ndata: \r\n\r\n" in text
    assert b"\n" not in unchunked(raw_messages.ask("tokens=2 cr")[0])


def test_long_line_padding_and_event_after_the_stop(raw_messages: RawMessages) -> None:
    text = unchunked(raw_messages.ask("tokens=2 long_line=100000 after_done obfuscation")[0])
    assert max(map(len, text.split(b"\n"))) > 100_000
    assert b"another thing" in text.partition(b"message_stop")[2]
    assert text.count(b'"obfuscation":') == 9


def test_pings_and_chunk_sizes(raw_messages: RawMessages, provider: ProviderHandle) -> None:
    events = raw_messages.events("tokens=10 tokens_per_chunk=4 ping_every=2")
    assert [event["type"] for event in events].count("ping") == 2
    provider.wait_idle()
    assert (provider.requests()[0]["chunks"], provider.requests()[0]["completion_tokens"]) == (3, 10)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("missing", []),
        ("null", []),
        ("zero", [0, 0]),
        ("negative", [-1, -5]),
        ("huge", [2**63, 2**63]),
        ("string", ["1", "5"]),
        ("excessive", [10, 50]),
        ("twice", [1, 5, 5]),
        ("with_finish", [1, 5]),
        ("start_only", [1]),
        ("end_only", [5]),
        ("running", [1, 1, 2, 3, 4, 5, 5]),
        ("decreasing", [1, 1, 2, 3, 4, 5, 2]),
    ],
)
def test_odd_usage_in_streams_leaves_the_true_cost(
    raw_messages: RawMessages, provider: ProviderHandle, kind: str, expected: list[Any]
) -> None:
    found = []
    for event in raw_messages.events(f"tokens=5 usage={kind}"):
        holder = event.get("message", event)
        assert (
            ("usage" in holder) or kind != "null" or event["type"] not in ("message_start", "message_delta")
        )
        if usage := holder.get("usage"):
            found.append(usage["output_tokens"])
    assert found == expected
    provider.wait_idle()
    record = provider.requests()[0]
    assert record["completion_tokens"] == 5
    assert record["cost_nano"] == record["prompt_tokens"] * 3_000 + 5 * 15_000
    if kind not in ("running", "decreasing", "null"):
        assert [usage["output_tokens"] for usage in record["reported_usage"]] == expected


def test_contradictory_usage(raw_messages: RawMessages) -> None:
    usage = orjson.loads(
        raw_messages.ask("tokens=5 usage=contradictory", stream=False)[0].partition(b"\r\n\r\n")[2]
    )["usage"]
    assert usage["output_tokens_details"]["thinking_tokens"] > usage["output_tokens"]
    assert usage["cache_creation"]["ephemeral_5m_input_tokens"] > usage["cache_creation_input_tokens"]


@pytest.mark.parametrize(
    ("directive", "status", "part"),
    [
        ("html_error", b"502", b"<script>"),
        ("redirect=http://169.254.169.254/", b"307", b"location: http://169.254.169.254/\r\n"),
        ("gzip_bomb=1", b"200", b"content-encoding: gzip"),
        ("evil_headers", b"200", b"set-cookie: "),
    ],
)
def test_hostile_answers(raw_messages: RawMessages, directive: str, status: bytes, part: bytes) -> None:
    received, _ = raw_messages.ask(directive, stream=False)
    assert received.split()[1] == status
    assert part in received


def test_wrong_length_is_announced(raw_messages: RawMessages) -> None:
    assert raw_messages.ask("content_length_off", stream=False)[1] == "fin"


def test_hung_up_stream_is_charged_for_what_was_made(
    raw_messages: RawMessages, provider: ProviderHandle
) -> None:
    fields = {"model": "demo-claude", "max_tokens": 1_000, "stream": True}
    fields["messages"] = [{"role": "user", "content": "Hi"}]
    with raw_messages.post(fields, x_demo="tokens=1000 pace_ms=10") as connection:
        while b"text_delta" not in connection.recv(65_536):
            pass
    provider.wait_idle()
    record = provider.requests()[0]
    assert record["outcome"] == "hung_up"
    assert 1 <= record["completion_tokens"] < 1_000
    assert record["cost_nano"] == record["prompt_tokens"] * 3_000 + record["completion_tokens"] * 15_000


def test_hung_up_plain_call_is_charged_for_the_part_made(
    raw_messages: RawMessages, provider: ProviderHandle
) -> None:
    fields = {"model": "demo-claude", "max_tokens": 1_000, "messages": [{"role": "user", "content": "Hi"}]}
    with raw_messages.post(fields, x_demo="tokens=1000 pace_ms=5") as connection:
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
    provider.wait_idle()
    record = provider.requests()[0]
    assert record["outcome"] == "hung_up"
    assert 1 <= record["completion_tokens"] < 1_000


def test_http_1_0_stream_ends_with_its_connection(raw_messages: RawMessages) -> None:
    body = b'{"model":"demo-claude","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"Hi"}]}'
    with raw_messages.post({}) as connection:
        read_answer(connection)
        head = b"POST /v1/messages HTTP/1.0\r\nx-api-key: sk-demo\r\nanthropic-version: 2023-06-01\r\n"
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        received, ending = read_answer(connection)
    assert ending == "fin"
    assert received.rstrip().endswith(b'data: {"type":"message_stop"}')
