"""The outbound client: vetted addresses, no surprises, and the truth about how an exchange ended."""

from __future__ import annotations

import asyncio
import gzip
import socket
from pathlib import Path

import pytest

from orbit.lib import egress as egress_module
from orbit.lib.egress import CLIENTS, Egress, read_all
from orbit.lib.exchange import Broken, NotAllowed, NotConnected, TimedOut, Timeouts, TooLarge
from tests.lib.names import StubNames
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


@pytest.mark.parametrize(
    "coding",
    [b"content-encoding: gzip", b"content-encoding: identity, br", b"transfer-encoding: gzip, chunked"],
)
async def test_plain_bytes_are_asked_for_and_others_not_read(client: str, coding: bytes) -> None:
    async def packed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + coding + b"\r\n\r\n" + gzip.compress(b"\0" * 1_000_000))

    async with serving(packed) as server:
        out = egress(client, server.port)

        async def read_twice() -> None:
            async with out.open("a", "GET", f"http://127.0.0.1:{server.port}/", [], b"") as got:
                assert got.status == 200
                with pytest.raises(Broken):
                    await got.read()
                await got.read()

        # by the second client at the head already, where the coding is one of transfer
        with pytest.raises(Broken):
            await read_twice()
        await asyncio.wait_for(server.closed_by_peer.wait(), 5)
        assert server.heads[0].lower().count(b"accept-encoding: identity\r\n") == 1
        assert server.heads[0].lower().count(b"accept-encoding") == 1
        await out.close()


async def test_identity_is_no_encoding(client: str) -> None:
    async with serving(plain(b"as it is", b"content-encoding: identity")) as server:
        out = egress(client, server.port)
        async with out.open("a", "GET", f"http://127.0.0.1:{server.port}/", [], b"") as got:
            assert await read_all(got, 100) == b"as it is"
        await out.close()


async def test_proxies_and_passwords_of_the_environment_are_ignored(
    client: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login canary password canary\n")
    async with serving(plain(b"direct")) as server, serving(plain(b"by the canary")) as canary:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SOCKS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
            monkeypatch.setenv(name.lower(), f"http://127.0.0.1:{canary.port}")
        monkeypatch.setenv("NO_PROXY", "elsewhere.example")
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / ".netrc").write_text(netrc.read_text())
        out = egress(client, server.port)
        async with out.open("a", "GET", f"http://127.0.0.1:{server.port}/", [], b"") as got:
            assert await read_all(got, 100) == b"direct"
        assert not canary.heads
        assert b"authorization" not in server.heads[0].lower()
        await out.close()


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_requests_without_a_body_say_nothing_of_one(client: str, method: str) -> None:
    async with serving(plain(b"{}")) as server:
        out = egress(client, server.port)
        url = f"http://127.0.0.1:{server.port}/v1/responses/resp_1?stream=false"
        async with out.open("a", method, url, [], b"") as got:
            assert got.status == 200
            assert await read_all(got, 100) == b"{}"
        await out.close()
    assert server.heads[0].startswith(method.encode() + b" /v1/responses/resp_1?stream=false HTTP/1.1\r\n")
    assert b"content-length" not in server.heads[0].lower()
    assert b"transfer-encoding" not in server.heads[0].lower()


async def test_an_empty_post_says_so(client: str) -> None:
    async with serving(plain(b"{}")) as server:
        out = egress(client, server.port)
        url = f"http://127.0.0.1:{server.port}/v1/responses/resp_1/cancel"
        async with out.open("a", "POST", url, [], b"") as got:
            assert await read_all(got, 100) == b"{}"
        await out.close()
    assert b"content-length: 0\r\n" in server.heads[0].lower()


async def test_a_large_body_arrives_whole(client: str) -> None:
    body = bytes(range(256)) * 8_000
    came = b""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal came
        came = await reader.readexactly(len(body))
        await plain(b"taken")(reader, writer)

    async with serving(take) as server:
        out = egress(client, server.port)
        async with out.open("a", "POST", f"http://127.0.0.1:{server.port}/", [], body) as got:
            assert await read_all(got, 100) == b"taken"
        await out.close()
    assert came == body


async def test_headers_are_read_by_name(client: str) -> None:
    async with serving(plain(b"", b"Retry-After: 3", b"X-Request-Id: r", b"Set-Cookie: no")) as server:
        out = egress(client, server.port)
        async with out.open("a", "GET", f"http://127.0.0.1:{server.port}/", [], b"") as got:
            wanted = ("retry-after", "x-request-id", "x-absent")
            assert got.headers(wanted) == {"retry-after": "3", "x-request-id": "r"}
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


async def test_one_exchange_may_have_its_own_times(client: str) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async with serving(silent) as server:
        out = egress(client, server.port, first_byte_s=600, idle_s=600)
        own = Timeouts(connect_s=2, first_byte_s=0.1, idle_s=600)
        with pytest.raises(TimedOut):
            async with out.open("a", "GET", f"http://127.0.0.1:{server.port}/", [], b"", own):
                pass
        assert len(out.pools) == 1
        await out.close()


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nx: "])
async def test_a_head_that_drips_times_out(client: str, start: bytes) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        await _drip(writer, b"H" if not start else b"x")

    async with serving(drip) as server:
        out = egress(client, server.port, first_byte_s=0.3)
        with pytest.raises((TimedOut, Broken)):
            async with out.open("a", "GET", f"http://127.0.0.1:{server.port}/", [], b""):
                pass
        await asyncio.wait_for(server.closed_by_peer.wait(), 5)
        await out.close()


async def test_an_answer_that_never_ends_is_ended_in_all(client: str) -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await _drip(writer, b"x")

    async with serving(endless) as server:
        out = egress(client, server.port)
        own = Timeouts(connect_s=2, first_byte_s=5, idle_s=5, total_s=0.3)
        with pytest.raises(TimedOut, match="too long"):
            async with out.open("a", "GET", f"http://127.0.0.1:{server.port}/", [], b"", own) as got:
                await read_all(got, 1_000_000)
        await asyncio.wait_for(server.closed_by_peer.wait(), 5)
        await out.close()


async def _drip(writer: asyncio.StreamWriter, byte: bytes) -> None:
    try:
        while True:
            writer.write(byte)
            await writer.drain()
            await asyncio.sleep(0.01)
    except OSError:
        pass


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


async def test_the_next_vetted_address_is_tried(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = StubNames({"provider.test": ["127.0.0.3", "127.0.0.2", "127.0.0.1"]})
    monkeypatch.setattr(socket, "getaddrinfo", names)
    async with serving(plain(b"from the third", b"connection: close")) as server:
        out = Egress({f"provider.test:{server.port}"}, Timeouts(2, 5, 5), CLIENTS[client])
        for _ in range(2):
            async with out.open("a", "GET", f"http://provider.test:{server.port}/", [], b"") as got:
                assert await read_all(got, 100) == b"from the third"
        assert names.asked == ["provider.test"]
        await out.close()


async def test_a_name_is_looked_up_once_for_all_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    names = StubNames({"provider.example.com": ["93.184.216.34"]}, delay_s=0.05)
    monkeypatch.setattr(socket, "getaddrinfo", names)
    out = egress("wire", 9)
    found = await asyncio.gather(*(out.vet("https://provider.example.com/v1") for _ in range(20)))
    assert {place.addresses for place in found} == {("93.184.216.34",)}
    assert names.asked == ["provider.example.com"]
    assert not out.lookups


async def test_a_name_server_that_is_silent_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", StubNames({"slow.example.com": ["8.8.8.8"]}, delay_s=0.5))
    out = Egress((), Timeouts(0.05, 5, 5), CLIENTS["wire"])
    with pytest.raises(NotConnected, match="looked up"):
        async with out.open("a", "GET", "https://slow.example.com/", [], b""):
            pass
    await asyncio.gather(*out.lookups.values())


async def test_shuffled_addresses_keep_their_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(egress_module, "RESOLVED_S", -1.0)
    names = StubNames({"many.example.com": ["8.8.8.8", "8.8.4.4"]})
    monkeypatch.setattr(socket, "getaddrinfo", names)
    out = egress("wire", 9)
    first = await out.vet("https://many.example.com/")
    names.known["many.example.com"].reverse()
    assert await out.vet("https://many.example.com/") is first
    names.known["many.example.com"] = ["1.1.1.1"]
    assert (await out.vet("https://many.example.com/")).addresses == ("1.1.1.1",)
    assert len(names.asked) == 3
