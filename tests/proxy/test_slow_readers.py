"""Clients that take their stream slowly or not at all: they cost little, and not for long."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import httpx2
import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import calls, served
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway, running_gateway
from tests.proxy.conftest import Api, hello

READERS = 12
TOKENS = 100_000  # of a stream: more on the wire than the kernel keeps for a reader


def resident(gateway: Gateway) -> int:
    """Bytes of the worker's memory."""
    [process] = gateway.processes
    return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * 4096


def idle_reader(gateway: Gateway, tenant: Tenant) -> socket.socket:
    """A client that asks for a long stream and takes its first bytes only."""
    body = orjson.dumps(
        {"model": "demo-chat", "messages": hello(f"tokens={TOKENS}"), "stream": True, "max_tokens": TOKENS}
    )
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.settimeout(20)
    made.connect(("127.0.0.1", gateway.port))
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {tenant.key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    made.sendall(head.encode() + body)
    made.recv(64)
    return made


@pytest.mark.full
def test_readers_that_take_nothing_are_left_and_charged_for_what_came(
    make_tenant: MakeTenant, provider: ProviderHandle
) -> None:
    models = [
        {"alias": one, "targets": [{"account": "demo", "model": one}]} for one in ("demo-chat", "gpt-4o-mini")
    ]
    tenant = make_tenant(
        {"models": models}, limits=[{"name": "some", "meter": "concurrency", "limit": READERS}]
    )
    with (
        running_gateway(environment={"ORBIT_IDLE_TIMEOUT_S": "4"}) as gateway,
        httpx2.Client(base_url=gateway.base_url + "/", timeout=20, trust_env=False, verify=False) as http,
    ):
        api = Api(http, tenant.key)
        for directive in ("usage=missing", "tokens=500"):  # everything is loaded
            api.chat(messages=hello("tokens=2", directive), stream=True)
        calls(tenant, 2)
        before = most = resident(gateway)
        readers = [idle_reader(gateway, tenant) for _ in range(READERS)]
        assert api.chat().status_code == 429
        for _ in range(10):  # all are stuck, none is given up yet
            most = max(most, resident(gateway))
            time.sleep(0.1)
        assert api.limits()["some"]["held"] == READERS
        while len(tenant.events()) < 2 + READERS:
            time.sleep(0.1)
        events = calls(tenant, 2 + READERS)[2:]
        assert most - before < READERS * 1024 * 1024
        assert api.limits()["some"]["held"] == 0
        assert api.chat().status_code == 200
        for reader in readers:
            reader.close()
    for event in events:
        assert event["status"] == "client_gone"
        record = served(provider, event)
        assert record["outcome"] == "hung_up"
        # no tokenizer of ours is this model's, so its text is counted with a margin
        assert record["completion_tokens"] / 1.5 < event["output_tokens"] < record["completion_tokens"] * 1.5
        assert record["completion_tokens"] < TOKENS
