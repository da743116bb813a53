"""The provider's own books."""

import asyncio
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from openai import OpenAI

from orbit.demo.provider.app import Options, Provider
from orbit.demo.provider.connection import Connection
from orbit.demo.provider.process import ProviderHandle, running_provider

from .conftest import KEY, Raw


def test_request_is_recorded_as_it_was_received(raw: Raw, provider: ProviderHandle) -> None:
    received, _ = raw.ask("tokens=3", stream=False, max_tokens=9)
    head = received.partition(b"\r\n\r\n")[0].decode()
    request_id = head.partition("x-request-id: ")[2].split("\r\n")[0]
    record = provider.request(request_id)
    body = b'{"model":"demo-chat","messages":[{"role":"user","content":"Hi"}],"stream":false,"max_tokens":9}'
    assert record["body_sha256"] == hashlib.sha256(body).hexdigest()
    assert record["body_bytes"] == len(body)
    assert record["fields"] == json.loads(body)
    assert ["Authorization", f"Bearer {KEY}"] in record["headers"]
    assert record["endpoint"] == "/v1/chat/completions"
    assert record["outcome"] == "finished"
    assert record["started_at"] <= record["ended_at"]


def test_large_body_leaves_only_its_outline(raw: Raw, provider: ProviderHandle) -> None:
    raw.ask("tokens=3", stream=False, messages=[{"role": "user", "content": "long " * 2000}])
    fields = provider.requests()[0]["fields"]
    assert fields["messages"] == {"kind": "list", "length": 1, "json_bytes": 10_030}
    assert fields["model"] == "demo-chat"


def test_cost_follows_the_price_list(raw: Raw, provider: ProviderHandle) -> None:
    for model in ("gpt-4o-mini", "gpt-4o", "demo-chat"):
        raw.ask("tokens=10 prompt_tokens=100 cached=40", stream=False, model=model)
    fields = {"model": "text-embedding-3-large", "input": "[[orbit-demo: prompt_tokens=7]]"}
    with raw.connect(fields, path="/v1/embeddings") as connection:
        connection.recv(10)
    provider.wait_idle()
    costs = {record["model"]: record["cost_nano"] for record in provider.requests()}
    assert costs == {
        "gpt-4o-mini": 60 * 150 + 40 * 75 + 10 * 600,
        "gpt-4o": 60 * 2_500 + 40 * 1_250 + 10 * 10_000,
        "demo-chat": 60 * 150 + 40 * 75 + 10 * 600,
        "text-embedding-3-large": 7 * 130,
    }


def test_sums_are_the_sums_of_the_records(raw: Raw, provider: ProviderHandle) -> None:
    for directives in ("tokens=9", "tokens=30 fin_after_chunks=4", "status=500", "usage=zero tokens=5"):
        raw.ask(directives)
    summary = provider.wait_idle()
    records = provider.requests()
    for name in ("prompt_tokens", "completion_tokens", "cost_nano"):
        assert summary[name] == sum(record[name] for record in records) > 0
    assert summary["requests"] == len(records) == 4
    assert summary["outcomes"] == {"finished": 2, "cut": 1, "refused": 1}
    assert summary["statuses"] == {"200": 3, "500": 1}
    assert provider.requests(since=records[1]["sequence"]) == records[2:]


def test_errors_before_work_cost_nothing(raw: Raw, provider: ProviderHandle) -> None:
    raw.ask("status=503")
    raw.ask("", model="gpt-none")
    raw.ask("", n=0)
    summary = provider.wait_idle()
    assert (summary["requests"], summary["cost_nano"], summary["prompt_tokens"]) == (3, 0, 0)


def test_hung_up_stream_is_charged_for_what_was_made(raw: Raw, provider: ProviderHandle) -> None:
    fields = {"model": "demo-chat", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    with raw.connect(fields, x_demo="tokens=1000 pace_ms=10") as connection:
        while b'"content":" ' not in connection.recv(65_536):
            pass
    provider.wait_idle()
    record = provider.requests()[0]
    assert record["outcome"] == "hung_up"
    assert 1 <= record["completion_tokens"] < 100
    assert record["cost_nano"] == record["prompt_tokens"] * 150 + record["completion_tokens"] * 600


def test_hung_up_plain_call_is_charged_for_the_part_made(raw: Raw, provider: ProviderHandle) -> None:
    fields = {"model": "demo-chat", "messages": [{"role": "user", "content": "Hi"}]}
    with raw.connect(fields, x_demo="tokens=1000 pace_ms=5"):
        time.sleep(0.2)
    provider.wait_idle()
    record = provider.requests()[0]
    assert record["outcome"] == "hung_up"
    assert 10 <= record["completion_tokens"] < 400


def test_long_prompt_is_read_from_the_cache_the_second_time(client: OpenAI) -> None:
    long = "A long and quite unique instruction for the cache test. " * 200
    reads = []
    for question in ("first", "second"):
        answer = client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "system", "content": long}, {"role": "user", "content": question}],
        )
        assert answer.usage
        assert answer.usage.prompt_tokens_details
        reads.append(answer.usage.prompt_tokens_details.cached_tokens or 0)
    assert reads[0] == 0
    assert reads[1] > 1024
    assert reads[1] % 128 == 0


def test_peak_parallel_is_seen_and_reset(raw: Raw, provider: ProviderHandle) -> None:
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda _: raw.ask("tokens=2 first_ms=300"), range(5)))
    assert provider.wait_idle()["peak_parallel"] == 5
    provider.reset()
    summary = provider.summary()
    assert (summary["peak_parallel"], summary["requests"], summary["models"]) == (0, 0, {})


def test_file_gets_each_finished_request_as_a_line(tmp_path: Path) -> None:
    file = tmp_path / "oracle.jsonl"
    with running_provider(oracle=file) as provider:
        Raw(provider).ask("tokens=4")
        Raw(provider).ask("tokens=5", stream=False)
        provider.wait_idle()
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        assert lines == provider.requests()
    assert [line["completion_tokens"] for line in lines] == [4, 5]


def test_stands_alone_without_django_or_the_gateway() -> None:
    script = """
        import sys
        import orbit.demo.provider.server
        foreign = ("django", "rest_framework", "celery", "tenants", "quotas", "audit", "proxy")
        print([name for name in sys.modules if name.split(".")[0] in foreign])
    """
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_refuses_an_address_that_is_not_loopback() -> None:
    command = [sys.executable, "-m", "orbit.demo.provider", "--port", "0", "--host", "0.0.0.0"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=10)
    assert refused.returncode == 2
    assert "loopback" in refused.stderr


def test_ends_when_its_parent_is_killed() -> None:
    script = """
        import time
        from orbit.demo.provider.process import running_provider
        with running_provider() as provider:
            print(provider.pid, flush=True)
            time.sleep(60)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # An orphan that nobody has waited for yet is dead all the same.
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


class _Transport(asyncio.Transport):
    def __init__(self, end: socket.socket) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2), "socket": end})


async def test_caller_gone_before_the_work_starts_leaves_nothing_open() -> None:
    provider = Provider(Options())
    body = b'{"model":"demo-chat","stream":true,"messages":[{"role":"user","content":"Hi"}]}'
    head = (
        b"POST /v1/chat/completions HTTP/1.1\r\nAuthorization: Bearer sk-demo\r\nContent-Length: %d\r\n\r\n"
    )
    connection = Connection(provider.handle, set())
    with socket.socket() as end:
        connection.connection_made(_Transport(end))
        connection.data_received(head % len(body) + body)
        connection.connection_lost(None)
        await asyncio.sleep(0.01)
    summary = provider._oracle.summary()
    assert (summary["open"], summary["outcomes"]) == (0, {"hung_up": 1})


def test_callers_leaving_fast_streams_are_hang_ups_and_not_failures(
    raw: Raw, provider: ProviderHandle
) -> None:
    fields = {"model": "demo-chat", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    for _ in range(30):
        with raw.connect(fields, x_demo="tokens=100000") as connection:
            connection.recv(2_000)
    assert provider.wait_idle()["outcomes"] == {"hung_up": 30}
