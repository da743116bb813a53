"""Responses that go wrong, are left, or are worked on in the background."""

import time
from typing import Any

import orjson
import pytest
from openai import APIStatusError, BadRequestError, OpenAI

from orbit.demo.provider.process import ProviderHandle

from .conftest import Raw, unchunked

PATH = "/v1/responses"


def _ask(raw: Raw, directives: str, *, stream: bool = True, **more: Any) -> tuple[bytes, str]:
    fields = {"model": "demo-chat", "input": "Hi", "stream": stream} | more
    return raw.ask_at(PATH, fields, directives)


def _events(received: bytes) -> list[Any]:
    lines = unchunked(received).replace(b"\r\n", b"\n").split(b"\n")
    return [orjson.loads(line[6:]) for line in lines if line.startswith(b"data: {")]


def test_every_event_is_named_and_nothing_says_done(raw: Raw) -> None:
    text = unchunked(_ask(raw, "tokens=2")[0])
    assert text.startswith(b'event: response.created\ndata: {"type":"response.created","sequence_number":0,')
    assert b"[DONE]" not in text


def test_asked_status_comes_before_any_work(client: OpenAI, provider: ProviderHandle) -> None:
    with pytest.raises(APIStatusError) as failure:
        client.responses.create(model="demo-chat", input="[[orbit-demo: status=503]]")
    assert failure.value.status_code == 503
    assert provider.wait_idle()["cost_nano"] == 0


@pytest.mark.parametrize(
    ("kind", "expected"), [("zero", 0), ("negative", -5), ("string", "5"), ("excessive", 50)]
)
@pytest.mark.parametrize("stream", [False, True])
def test_odd_usage_leaves_the_true_cost(
    raw: Raw, provider: ProviderHandle, kind: str, expected: Any, stream: bool
) -> None:
    received, _ = _ask(raw, f"tokens=5 usage={kind}", stream=stream)
    body = _events(received)[-1]["response"] if stream else orjson.loads(received.partition(b"\r\n\r\n")[2])
    assert body["usage"]["output_tokens"] == expected
    provider.wait_idle()
    record = provider.requests()[0]
    assert record["cost_nano"] == record["prompt_tokens"] * 150 + 5 * 600


def test_missing_null_running_and_double_usage(raw: Raw) -> None:
    assert "usage" not in _events(_ask(raw, "usage=missing")[0])[-1]["response"]
    assert _events(_ask(raw, "usage=null")[0])[-1]["response"]["usage"] is None
    running = _events(_ask(raw, "usage=running tokens=3")[0])
    assert running[0]["response"]["usage"]["output_tokens"] == 0
    assert running[-1]["response"]["usage"]["output_tokens"] == 3
    twice = _events(_ask(raw, "usage=twice")[0])
    assert [event["type"] for event in twice[-2:]] == ["response.completed"] * 2


def test_failed_response_reports_no_usage_and_is_charged(raw: Raw, provider: ProviderHandle) -> None:
    received, ending = _ask(raw, "tokens=9 error_after_chunks=3")
    last = _events(received)[-1]
    assert (last["type"], last["response"]["status"], ending) == ("response.failed", "failed", "complete")
    assert last["response"]["usage"] is None
    assert [event["sequence_number"] for event in _events(received)] == list(
        range(last["sequence_number"] + 1)
    )
    assert last["response"]["error"]["code"] == "server_error"
    provider.wait_idle()
    record = provider.requests()[0]
    assert (record["completion_tokens"], record["outcome"]) == (3, "cut")


def test_error_event_has_code_and_message_on_top(raw: Raw) -> None:
    event = _events(_ask(raw, "tokens=9 error_after_chunks=3 error_event code=rate_limit_exceeded")[0])[-1]
    assert (event["type"], event["code"]) == ("error", "rate_limit_exceeded")
    assert event["message"]


def test_cut_streams_are_charged_for_what_was_sent(raw: Raw, provider: ProviderHandle) -> None:
    received, ending = _ask(raw, "tokens=20 fin_after_chunks=4")
    assert ending == "fin"
    assert received.count(b"event: response.output_text.delta") == 4
    received, ending = _ask(raw, "tokens=20 cut_after_bytes=2500")
    assert (len(received), ending) == (2500, "reset")
    provider.wait_idle()
    first, second = provider.requests()
    assert first["completion_tokens"] == 4
    assert 0 < second["completion_tokens"] <= 20


def test_last_event_can_be_missing_and_something_can_follow_it(raw: Raw) -> None:
    assert _events(_ask(raw, "tokens=2 no_done")[0])[-1]["type"] == "response.output_item.done"
    assert _events(_ask(raw, "tokens=2 after_done")[0])[-1]["delta"] == " and another thing"


def test_left_stream_is_charged_for_what_was_made(raw: Raw, provider: ProviderHandle) -> None:
    fields = {"model": "demo-chat", "input": "Hi", "stream": True}
    with raw.connect(fields, path=PATH, x_demo="tokens=1000 pace_ms=10") as connection:
        while b"output_text.delta" not in connection.recv(65_536):
            pass
    provider.wait_idle()
    record = provider.requests()[0]
    assert record["outcome"] == "hung_up"
    assert 1 <= record["completion_tokens"] < 1000


def _until_over(client: OpenAI, response_id: str) -> Any:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = client.responses.retrieve(response_id)
        if found.status not in ("queued", "in_progress"):
            return found
        time.sleep(0.01)
    raise TimeoutError(response_id)


def test_background_response_is_queued_worked_on_and_charged(
    client: OpenAI, provider: ProviderHandle
) -> None:
    made = client.responses.create(
        model="demo-chat?tokens=6&first_ms=100&pace_ms=10", input="Hi", background=True
    )
    assert (made.status, made.background, made.usage, made.output) == ("queued", True, None, [])
    done = _until_over(client, made.id)
    assert (done.status, done.usage.output_tokens) == ("completed", 6)
    provider.wait_idle()
    (record,) = [each for each in provider.requests() if each["method"] == "POST"]
    assert (record["outcome"], record["completion_tokens"]) == ("finished", 6)
    assert record["cost_nano"] == record["prompt_tokens"] * 150 + 6 * 600


def test_background_work_goes_on_when_its_stream_is_left_and_can_be_taken_up(
    client: OpenAI, provider: ProviderHandle
) -> None:
    stream = client.responses.create(
        model="demo-chat?tokens=30&pace_ms=10", input="Hi", background=True, stream=True
    )
    seen = [next(stream) for _ in range(8)]
    stream.close()
    opened = seen[0]
    assert opened.type == "response.created"
    rest = list(
        client.responses.retrieve(opened.response.id, stream=True, starting_after=seen[-1].sequence_number)
    )
    numbers = [event.sequence_number for event in [*seen, *rest]]
    assert numbers == list(range(len(numbers)))
    last = rest[-1]
    assert last.type == "response.completed"
    assert last.response.usage
    assert last.response.usage.output_tokens == 30
    provider.wait_idle()
    (record,) = [each for each in provider.requests() if each["method"] == "POST"]
    assert record["completion_tokens"] == 30


def test_cancelled_background_response_has_no_usage_and_costs_its_part(
    client: OpenAI, provider: ProviderHandle
) -> None:
    made = client.responses.create(model="demo-chat?tokens=5000&pace_ms=10", input="Hi", background=True)
    while client.responses.retrieve(made.id).status == "queued":
        time.sleep(0.01)
    cancelled = client.responses.cancel(made.id)
    assert (cancelled.status, cancelled.usage) == ("cancelled", None)
    assert client.responses.cancel(made.id).status == "cancelled"
    provider.wait_idle()
    record = next(each for each in provider.requests() if each["endpoint"] == PATH)
    assert record["outcome"] == "cancelled"
    assert record["completion_tokens"] < 5000
    assert record["cost_nano"] == record["prompt_tokens"] * 150 + record["completion_tokens"] * 600


def test_failed_background_response(client: OpenAI) -> None:
    made = client.responses.create(
        model="demo-chat?tokens=9&error_after_chunks=2", input="Hi", background=True
    )
    failed = _until_over(client, made.id)
    assert (failed.status, failed.usage, failed.error.code) == ("failed", None, "server_error")


def test_stream_of_a_failed_background_response_ends_with_the_failure(raw: Raw) -> None:
    events = _events(_ask(raw, "tokens=9 error_after_chunks=2", background=True)[0])
    names = [event["type"] for event in events]
    assert names.count("response.output_text.delta") == 2
    assert names[-1] == "response.failed"
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


def test_foreground_response_can_be_neither_cancelled_nor_followed(client: OpenAI) -> None:
    made = client.responses.create(model="demo-chat", input="Hi")
    with pytest.raises(BadRequestError, match="Cannot cancel a synchronous response"):
        client.responses.cancel(made.id)
    with pytest.raises(BadRequestError, match="cannot be streamed"):
        list(client.responses.retrieve(made.id, stream=True))
