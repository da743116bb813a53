"""Connections of one account never carry another's calls, and TLS says who is at the other end."""

from __future__ import annotations

import asyncio
import random
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orbit.lib import egress as egress_module
from orbit.lib.egress import CLIENTS, Egress, read_all
from orbit.lib.exchange import NotConnected, Timeouts
from tests.lib.certificates import certificate, trusting
from tests.lib.names import StubNames
from tests.lib.servers import plain, serving

TIMES = Timeouts(5, 5, 5)
CALLS = 500


@pytest.fixture(params=sorted(CLIENTS))
def client(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@dataclass
class Seen:
    """What one server saw, connection by connection: (account, host) of each request on it."""

    connections: list[list[tuple[str, str]]] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine: list[tuple[str, str]] = []
        self.connections.append(mine)
        self.writers.append(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
                said = dict(line.split(": ", 1) for line in head[1:] if line)
                mine.append((said["x-account"], said["host"].partition(":")[0]))
                await plain(said["x-account"].encode())(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    async def over(self) -> None:
        for writer in self.writers:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()


async def test_calls_of_two_accounts_and_names_on_one_address_are_never_mixed(
    client: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("one.test", "two.test")
    monkeypatch.setattr(socket, "getaddrinfo", StubNames({name: ["127.0.0.1"] for name in names}))
    seen = Seen()
    server = await asyncio.start_server(seen.serve, "127.0.0.1", 0, ssl=certificate(tmp_path, *names))
    port = server.sockets[0].getsockname()[1]
    out = Egress([f"{name}:{port}" for name in names], TIMES, CLIENTS[client], trusting(tmp_path, names[0]))
    room = asyncio.Semaphore(8)

    async def call(account: str, name: str) -> None:
        async with (
            room,
            out.open(account, "GET", f"https://{name}:{port}/", [("x-account", account)], b"") as got,
        ):
            assert await read_all(got, 100) == account.encode()

    chosen = random.Random(4)
    await asyncio.gather(*(call(chosen.choice("ab"), chosen.choice(names)) for _ in range(CALLS)))
    await out.close()
    server.close()
    await seen.over()
    assert sum(len(one) for one in seen.connections) == CALLS
    assert all(len(set(one)) == 1 for one in seen.connections)
    assert len(seen.connections) < CALLS  # kept ones were used, else this shows nothing


@pytest.mark.parametrize(
    ("served", "trusted"),
    [("other.test", "other.test"), ("one.test", None), ("127.0.0.1", "127.0.0.1")],
    ids=["wrong name", "self-signed", "address instead of the name"],
)
async def test_who_cannot_prove_the_name_gets_no_request(
    client: str, served: str, trusted: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", StubNames({"one.test": ["127.0.0.1"]}))
    async with serving(plain(b"secret?"), certificate(tmp_path, served)) as server:
        tls = trusting(tmp_path, *([trusted] if trusted else []))
        out = Egress([f"one.test:{server.port}"], TIMES, CLIENTS[client], tls)
        with pytest.raises(NotConnected):
            async with out.open(
                "a", "POST", f"https://one.test:{server.port}/", [("authorization", "x")], b"{}"
            ):
                pass
        assert not server.heads
        await out.close()


async def test_an_address_proves_itself_by_its_certificate(client: str, tmp_path: Path) -> None:
    async with serving(plain(b"here"), certificate(tmp_path, "127.0.0.1")) as server:
        tls = trusting(tmp_path, "127.0.0.1")
        out = Egress([f"127.0.0.1:{server.port}"], TIMES, CLIENTS[client], tls)
        async with out.open("a", "GET", f"https://127.0.0.1:{server.port}/", [], b"") as got:
            assert await read_all(got, 100) == b"here"
        await out.close()


async def test_a_name_that_moved_gets_connections_of_its_own(
    client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(egress_module, "RESOLVED_S", -1.0)
    names = StubNames({"one.test": ["127.0.0.1"]})
    monkeypatch.setattr(socket, "getaddrinfo", names)
    old, new = Seen(), Seen()
    first = await asyncio.start_server(old.serve, "127.0.0.1", 0)
    port = first.sockets[0].getsockname()[1]
    second = await asyncio.start_server(new.serve, "127.0.0.2", port)
    out = Egress([f"one.test:{port}"], TIMES, CLIENTS[client])
    for address in ("127.0.0.1", "127.0.0.2"):
        names.known["one.test"] = [address]
        async with out.open("a", "GET", f"http://one.test:{port}/", [("x-account", "a")], b"") as got:
            await read_all(got, 100)
    assert (len(old.connections), len(new.connections)) == (1, 1)
    await out.close()
    first.close()
    second.close()
    await old.over()
    await new.over()
