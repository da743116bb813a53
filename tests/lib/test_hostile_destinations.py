"""Thousands of hostile destinations, saved and used: no connection leads inside.

Every address but two public ones is played by a canary: whoever connects to it is led to a listener that counts.
The public ones refuse, so that nothing leaves this machine.
"""

from __future__ import annotations

import asyncio
import socket
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from orbit.lib import egress as egress_module
from orbit.lib import targets as targets_module
from orbit.lib.egress import CLIENTS, Egress, Httpx2Pool, MakePool, read_all
from orbit.lib.errors import InputError
from orbit.lib.exchange import Destination, EgressError, Timeouts
from tenants.schema import values
from tests.lib.hostile import PUBLIC, Hostile, named, redirects, written
from tests.lib.names import StubNames

SEED = 20_260_701
WRITTEN, NAMED, REDIRECTS = 1_600, 600, 200
TIMES = Timeouts(connect_s=2, first_byte_s=2, idle_s=2)


@pytest.fixture(params=sorted(CLIENTS))
def client(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


class HostileNames(StubNames):
    """Answers by script; a name may say something else at each lookup."""

    def __init__(self, hostile: Iterable[Hostile]) -> None:
        super().__init__({})
        self.scripts = {one.host: one.answers for one in hostile if one.answers}

    def answer(self, name: str) -> Sequence[str]:
        script = self.scripts.get(name)
        if script is None:
            return super().answer(name)
        return script[min(self.asked.count(name), len(script)) - 1]


@dataclass
class Canary:
    """Plays every address that is not public. `hits` are those that were connected to, `accepted` counts them."""

    hits: list[str] = field(default_factory=list)
    public: list[str] = field(default_factory=list)
    accepted: int = 0
    spared: int = 0  # the port of a server that may be reached

    async def settled(self) -> None:
        """What was connected has been accepted."""
        for _ in range(200):
            if self.accepted >= len(self.hits):
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def canary_everywhere(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Canary]:
    canary = Canary()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        canary.accepted += 1
        writer.transport.abort()

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    connect = BaseSelectorEventLoop.sock_connect

    async def dial(loop: BaseSelectorEventLoop, sock: socket.socket, address: tuple[Any, ...]) -> None:
        if address[:2] == ("127.0.0.1", canary.spared):
            await connect(loop, sock, address)
        elif address[0] in PUBLIC:
            canary.public.append(address[0])
            raise ConnectionRefusedError
        else:
            canary.hits.append(address[0])
            here = "127.0.0.1" if sock.family == socket.AF_INET else "::ffff:127.0.0.1"
            await connect(loop, sock, (here, port))

    monkeypatch.setattr(BaseSelectorEventLoop, "sock_connect", dial)
    try:
        yield canary
        await canary.settled()
    finally:
        listening.close()
        await listening.wait_closed()


async def use(out: Egress, url: str) -> str:
    """How a call to a URL ended: the error's name, or what came."""
    try:
        async with out.open("account", "POST", url, [("authorization", "Bearer canary")], b"{}") as answer:
            return f"answered {answer.status}"
    except EgressError as error:
        return f"{type(error).__name__}{' that may have worked' if error.worked else ''}"


def test_hostile_addresses_are_refused_when_they_are_saved() -> None:
    saved = [one for one in written(WRITTEN, SEED) if not _refused(one.url)]
    assert not saved, f"{len(saved)} of {WRITTEN} were saved"


def _refused(url: str) -> bool:
    try:
        values.base_url(url, [])
    except InputError as error:
        return bool(error.message)
    return False


async def test_hostile_addresses_reach_no_canary(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        egress_module, "RESOLVED_S", -1.0
    )  # so that the second use asks the name server again
    hostile = [*written(WRITTEN, SEED), *named(NAMED, SEED)]
    names = HostileNames(hostile)
    async with canary_everywhere(monkeypatch) as canary:
        monkeypatch.setattr(socket, "getaddrinfo", names)
        out = Egress((), TIMES, CLIENTS[client])
        for one in hostile:
            for url in (one.url, f"{one.url}/chat/completions"):
                ended = await use(out, url)
                assert ended in ("NotAllowed", "NotConnected"), (ended, url, one.kind)
        await out.close()
    asked = set(names.asked)
    assert (canary.hits, canary.accepted) == ([], 0), f"of {len(hostile)} hostile addresses with {client}"
    assert len(hostile) >= 2_000
    assert asked == {one.host for one in hostile if one.answers}  # no other name got as far as a name server
    assert canary.public  # those that were public at first were connected to, there and nowhere else


async def test_a_name_is_looked_up_once_a_call(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = [one for one in named(NAMED, SEED) if one.kind.startswith("public, then")]
    names = HostileNames(hostile)
    async with canary_everywhere(monkeypatch) as canary:
        monkeypatch.setattr(socket, "getaddrinfo", names)
        out = Egress((), TIMES, CLIENTS[client])
        for one in hostile:
            await use(out, one.url)
        await out.close()
    assert sorted(names.asked) == sorted(one.host for one in hostile)
    assert not canary.hits


@asynccontextmanager
async def redirecting(answers: list[tuple[int, str, Hostile]]) -> AsyncIterator[int]:
    """A provider that sends whoever asks for `/N` where the N-th answer says."""
    over: list[asyncio.Task[Any]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        over.append(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(2)
                status, name, one = answers[int(head.split(b" ")[1][1:])]
                value = {"refresh": f"0; url={one.url}", "alt-svc": f'h2="{one.url[8:]}"'}.get(name, one.url)
                writer.write(f"HTTP/1.1 {status} X\r\n{name}: {value}\r\ncontent-length: 0\r\n\r\n".encode())
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        await asyncio.gather(*over)


async def follow(make_pool: MakePool, canary: Canary, answers: list[tuple[int, str, Hostile]]) -> None:
    async with redirecting(answers) as port:
        canary.spared = port
        out = Egress([f"127.0.0.1:{port}"], TIMES, make_pool)
        for number, (status, _, _) in enumerate(answers):
            try:
                url = f"http://127.0.0.1:{port}/{number}"
                async with out.open(
                    "account", "POST", url, [("authorization", "Bearer canary")], b"{}"
                ) as got:
                    assert got.status == status
                    assert await read_all(got, 100) == b""
            except EgressError:
                pass  # where redirects are followed, they end at the canary, which says nothing
        await out.close()


async def test_redirects_reach_no_canary(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = list(redirects(REDIRECTS, SEED))
    async with canary_everywhere(monkeypatch) as canary:
        await follow(CLIENTS[client], canary, answers)
    assert (canary.hits, canary.accepted) == ([], 0), f"of {len(answers)} redirects with {client}"


# What would be seen if it were otherwise


async def test_without_vetting_canaries_are_reached(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets_module, "is_public", lambda address: True)
    monkeypatch.setattr(egress_module, "is_public", lambda address: True)
    hostile = [one for one in (*written(200, SEED), *named(80, SEED)) if one.kind in ("dotted", "private")]
    async with canary_everywhere(monkeypatch) as canary:
        monkeypatch.setattr(socket, "getaddrinfo", HostileNames(hostile))
        out = Egress((), TIMES, CLIENTS[client])
        for one in hostile:
            await use(out, one.url)
        await out.close()
    assert len(canary.hits) == canary.accepted == len(hostile)


async def test_a_client_that_looks_names_up_again_reaches_canaries(
    client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = [one for one in named(NAMED, SEED) if one.kind == "public, then private"]

    def by_name(destination: Destination, tls: Any) -> Any:
        return CLIENTS[client](replace(destination, addresses=(destination.host,)), tls)

    async with canary_everywhere(monkeypatch) as canary:
        monkeypatch.setattr(socket, "getaddrinfo", HostileNames(hostile))
        out = Egress((), TIMES, by_name)
        for one in hostile:
            await use(out, one.url)
        await out.close()
    assert canary.accepted >= len(hostile)


async def test_a_client_that_follows_redirects_reaches_canaries(monkeypatch: pytest.MonkeyPatch) -> None:
    def eager(destination: Destination, tls: Any) -> Httpx2Pool:
        pool = Httpx2Pool(destination, tls)
        pool.client.follow_redirects = True
        return pool

    answers = [
        one for one in redirects(REDIRECTS, SEED) if one[0] in (301, 302, 307) and one[2].kind == "dotted"
    ]
    async with canary_everywhere(monkeypatch) as canary:
        await follow(eager, canary, answers)
    assert len(canary.hits) == canary.accepted == len(answers)
