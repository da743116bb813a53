"""The outbound client: vetted addresses, no surprises, and the truth about how an exchange ended."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from orbit.lib.egress import CLIENTS, Egress, is_public, parse_target, read_all
from orbit.lib.exchange import Broken, NotAllowed, NotConnected, TimedOut, Timeouts, TooLarge
from tests.lib.servers import plain, serving


@pytest.fixture(params=sorted(CLIENTS))
def client(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def egress(client: str, port: int, idle_s: float = 5, first_byte_s: float = 5) -> Egress:
    return Egress(
        {f"127.0.0.1:{port}", f"localhost:{port}"}, Timeouts(2, first_byte_s, idle_s), CLIENTS[client]
    )


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200", "0.0.0.0",
        "224.0.0.1", "::1", "fd00:ec2::254", "fe80::1%eth0", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::",
        "::", "ff02::1", "255.255.255.255", "198.18.0.1", "192.0.2.1",
    ],
)  # fmt: skip
def test_private_and_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses_are(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example",
        "https://",
        "http://api.example.com/v1",
        "https://user@api.example.com",
        "file:///etc/passwd",
        "//x",
    ],
)
def test_other_forms_of_address_are_refused(url: str) -> None:
    with pytest.raises(NotAllowed):
        parse_target(url, ())


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:1/v1", "https://localhost/v1", "https://[::1]/v1", "https://2130706433/"]
)
async def test_a_private_destination_is_refused_without_a_connection(url: str) -> None:
    with pytest.raises(NotAllowed):
        await egress("wire", 9).vet(url)


async def test_pieces_arrive_as_they_are_sent(client: str) -> None:
    more = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await more.wait()
        writer.write(b"6\r\nsecond\r\n0\r\n\r\n")

    async with serving(answer) as server:
        out = egress(client, server.port)
        async with out.open("a", "POST", f"http://127.0.0.1:{server.port}/v1", [("x-a", "b")], b"{}") as got:
            assert await got.read() == b"first"
            more.set()
            assert await read_all(got, 100) == b"second"
        await out.close()
    [head] = server.heads
    lowered = head.lower()
    assert b"\r\nx-a: b\r\n" in lowered
    assert b"host: 127.0.0.1:%d\r\n" % server.port in lowered
    assert b"cookie" not in lowered
    assert b"referer" not in lowered


async def test_redirects_are_not_followed(client: str) -> None:
    async with serving(plain(b"", b"location: http://127.0.0.1:1/", status=b"302 Found")) as server:
        out = egress(client, server.port)
        async with out.open("a", "POST", f"http://127.0.0.1:{server.port}/", [], b"{}") as got:
            assert got.status == 302
        await out.close()


async def test_compressed_answers_are_not_expanded(client: str) -> None:
    packed = gzip.compress(b"\0" * 1_000_000)
    async with serving(plain(packed, b"content-encoding: gzip")) as server:
        out = egress(client, server.port)
        async with out.open("a", "GET", f"http://127.0.0.1:{server.port}/", [], b"") as got:
            assert await read_all(got, 10_000) == packed
        await out.close()


async def test_proxies_of_the_environment_are_ignored(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with serving(plain(b"direct")) as server:
        out = egress(client, server.port)
        async with out.open("a", "GET", f"http://127.0.0.1:{server.port}/", [], b"") as got:
            assert await read_all(got, 100) == b"direct"
        await out.close()


async def test_a_refused_connection_did_no_work(client: str) -> None:
    async with serving(plain(b"")) as server:
        pass
    out = egress(client, server.port)
    with pytest.raises(NotConnected) as refused:
        async with out.open("a", "GET", f"http://127.0.0.1:{server.port}/", [], b""):
            pass
    assert not refused.value.worked
    await out.close()


async def test_silence_before_the_answer_times_out(client: str) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async with serving(silent) as server:
        out = egress(client, server.port, first_byte_s=0.2, idle_s=0.2)
        with pytest.raises(TimedOut) as silence:
            async with out.open("a", "GET", f"http://127.0.0.1:{server.port}/", [], b""):
                pass
        assert silence.value.worked
        await asyncio.wait_for(server.closed_by_peer.wait(), 5)
        await out.close()


async def test_silence_within_the_answer_times_out(client: str) -> None:
    async def halting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf ")
        await reader.read(1)

    async with serving(halting) as server:
        out = egress(client, server.port, idle_s=0.3)
        with pytest.raises(TimedOut):
            async with out.open("a", "GET", f"http://127.0.0.1:{server.port}/", [], b"") as got:
                await read_all(got, 100)
        await out.close()


async def test_an_answer_that_breaks_off_is_broken(client: str) -> None:
    async def breaking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf ")
        await writer.drain()
        writer.transport.abort()

    async with serving(breaking) as server:
        out = egress(client, server.port)
        with pytest.raises(Broken):
            async with out.open("a", "GET", f"http://127.0.0.1:{server.port}/", [], b"") as got:
                await read_all(got, 100)
        await out.close()


async def test_leaving_early_closes_the_connection(client: str) -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while not reader.at_eof():
            writer.write(b"4\r\nmore\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with serving(endless) as server:
        out = egress(client, server.port)
        async with out.open("a", "GET", f"http://127.0.0.1:{server.port}/", [], b"") as got:
            await got.read()
        await asyncio.wait_for(server.closed_by_peer.wait(), 5)
        await out.close()


async def test_a_cancelled_exchange_closes_the_connection(client: str) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async with serving(silent) as server:
        out = egress(client, server.port)

        async def ask() -> None:
            async with out.open("a", "GET", f"http://127.0.0.1:{server.port}/", [], b""):
                pass

        task = asyncio.create_task(ask())
        await server.head_came.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.closed_by_peer.wait(), 2)
        await out.close()


async def test_an_answer_over_the_cap_is_refused(client: str) -> None:
    async def long(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(100):
            writer.write(b"64\r\n" + b"x" * 100 + b"\r\n")
            await writer.drain()
            await asyncio.sleep(0.001)

    async with serving(long) as server:
        out = egress(client, server.port)
        with pytest.raises(TooLarge):
            async with out.open("a", "GET", f"http://127.0.0.1:{server.port}/", [], b"") as got:
                await read_all(got, 1_000)
        await out.close()


async def test_accounts_do_not_share_connections(client: str) -> None:
    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    async with serving(keep) as server:
        out = egress(client, server.port)
        for account in ("a", "b"):
            async with out.open(account, "GET", f"http://127.0.0.1:{server.port}/", [], b"") as got:
                await read_all(got, 10)
        assert len(server.heads) == 2
        assert len(out.pools) == 2
        await out.close()
