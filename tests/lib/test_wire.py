"""Our own HTTP/1.1 client: connections kept or not, answers of every lawful shape, others refused."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from orbit.lib import wire
from orbit.lib.egress import read_all
from orbit.lib.exchange import Broken, Destination, NotConnected, TimedOut, Timeouts
from orbit.lib.wire import WirePool
from tests.lib.certificates import certificate, trusting
from tests.lib.servers import Handler, Server, serving

TIMEOUTS = Timeouts(connect_s=2, first_byte_s=2, idle_s=2)


TLS = ssl.create_default_context()


def pool_of(
    server: Server, host: str = "127.0.0.1", scheme: str = "http", tls: ssl.SSLContext = TLS
) -> WirePool:
    return WirePool(Destination(scheme, host, server.port, ("127.0.0.1",)), tls)


async def ask(pool: WirePool, most: int = 10_000_000) -> tuple[int, bytes]:
    async with pool.open("POST", "/v1/chat", [("a", "b")], b"{}", TIMEOUTS) as answer:
        return answer.status, await read_all(answer, most)


def says(*pieces: bytes, pause_s: float = 0.0) -> Handler:
    """Answers every request on a connection with these bytes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readexactly(2)  # the body
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause_s)
            await reader.readuntil(b"\r\n\r\n")

    return answer


async def test_connection_is_kept_for_the_next_exchange() -> None:
    async with serving(says(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")) as server:
        pool = pool_of(server)
        answers = []
        for _ in range(3):
            async with pool.open("POST", "/", [], b"{}", TIMEOUTS) as answer:
                assert await read_all(answer, 100) == b"ok"
            answers.append(answer)
        assert [(answer.status, answer.header("content-length")) for answer in answers] == [(200, "2")] * 3
        assert len(server.heads) == 1
        await pool.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ],
)
async def test_connection_that_the_server_will_close_is_not_kept(answer: bytes) -> None:
    async with serving(says(answer)) as server:
        pool = pool_of(server)
        await ask(pool)
        assert not pool.spare
        await pool.close()


async def test_answer_may_end_with_the_connection() -> None:
    async def until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nall of")
        await writer.drain()
        writer.write(b" it")
        writer.write_eof()

    async with serving(until_closed) as server:
        pool = pool_of(server)
        assert await ask(pool) == (200, b"all of it")
        assert not pool.spare
        await pool.close()


async def test_silence_is_no_end_of_an_answer_that_ends_with_the_connection() -> None:
    async def halting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf of")

    async with serving(halting) as server:
        pool = pool_of(server)
        async with pool.open("GET", "/", [], b"", Timeouts(2, 2, 0.1)) as answer:
            assert await answer.read() == b"half of"
            with pytest.raises(TimedOut):
                await answer.read()
        await pool.close()


async def test_an_exchange_ends_in_time_while_nobody_reads() -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 50000000\r\n\r\n")
        while not reader.at_eof():
            writer.write(b"x" * 100_000)
            await writer.drain()

    async with serving(flood) as server:
        pool = pool_of(server)
        async with pool.open("GET", "/", [], b"", Timeouts(2, 2, 2, total_s=0.2)) as answer:
            await asyncio.wait_for(server.closed_by_peer.wait(), 5)
            with pytest.raises(TimedOut, match="too long"):
                await read_all(answer, 60_000_000)
        await pool.close()


async def test_the_end_of_one_exchange_is_not_that_of_the_next() -> None:
    async with serving(says(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", pause_s=0.0)) as server:
        pool = pool_of(server)
        async with pool.open("POST", "/", [], b"{}", Timeouts(2, 2, 2, total_s=0.1)) as answer:
            assert await read_all(answer, 100) == b"ok"
        await asyncio.sleep(0.2)
        assert await ask(pool) == (200, b"ok")
        assert len(server.heads) == 1
        await pool.close()


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK\r\nx: ",  # a header without an end
        b"HTTP/1.1 200 O",  # a reason
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x=",  # a chunk's extension
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ",  # a trailer
    ],
)
async def test_lines_without_an_end_are_broken_off(start: bytes) -> None:
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(start)
        while not reader.at_eof():
            writer.write(b"y" * 10_000)
            await writer.drain()
            sent += 10_000

    async with serving(endless) as server:
        pool = pool_of(server)
        with pytest.raises(Broken):
            await ask(pool)
        await asyncio.wait_for(server.closed_by_peer.wait(), 5)
        assert sent < 20_000_000  # what sockets hold, not what was read
        await pool.close()


@pytest.mark.parametrize(
    "line",
    [b"1 HTTP/1.1\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n", b"x%d: y\r\n"],
    ids=["odd", "interim", "many"],
)
async def test_heads_of_endless_lines_are_broken_off(line: bytes) -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" if line.startswith(b"x") else b"")
        for number in range(1_000_000):
            writer.write(line % number if b"%d" in line else line)
            if number % 100 == 0:
                await writer.drain()

    async with serving(endless) as server:
        pool = pool_of(server)
        with pytest.raises(Broken):
            await ask(pool)
        await asyncio.wait_for(server.closed_by_peer.wait(), 5)
        await pool.close()


async def test_a_head_holds_many_headers_and_not_too_many() -> None:
    for number, fits in ((200, True), (256, False)):
        lines = b"".join(b"x-%d: y\r\n" % one for one in range(number))
        async with serving(says(b"HTTP/1.1 200 OK\r\n" + lines + b"content-length: 0\r\n\r\n")) as server:
            pool = pool_of(server)
            if fits:
                assert await ask(pool) == (200, b"")
            else:
                with pytest.raises(Broken):
                    await ask(pool)
            await pool.close()


async def test_headers_that_come_twice_are_both_read() -> None:
    twice = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\ncontent-length: 0\r\n\r\n"
    async with serving(says(twice)) as server:
        pool = pool_of(server)
        async with pool.open("POST", "/", [], b"{}", TIMEOUTS) as answer:
            assert answer.headers(["x-a", "x-b"]) == {"x-a": "1, 2"}
            assert await answer.read() == b""
        await pool.close()


async def test_a_keep_alive_of_many_digits_is_no_fault() -> None:
    many = b"HTTP/1.1 200 OK\r\nkeep-alive: timeout=" + b"9" * 5_000 + b"\r\ncontent-length: 0\r\n\r\n"
    async with serving(says(many)) as server:
        pool = pool_of(server)
        assert await ask(pool) == (200, b"")
        await pool.close()


async def test_an_address_that_is_silent_leaves_time_for_the_next(tmp_path: Path) -> None:
    tls = certificate(tmp_path, "provider.test")
    answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"
    async with serving(says(answer), tls) as server:
        with socket.create_server(("127.0.0.2", server.port)):  # takes connections, says no word of TLS
            place = Destination("https", "provider.test", server.port, ("127.0.0.2", "127.0.0.1"))
            pool = WirePool(place, trusting(tmp_path, "provider.test"))
            async with pool.open("POST", "/", [], b"{}", Timeouts(2, 2, 2)) as got:
                assert await read_all(got, 10) == b"ok"
            assert pool.addresses[0] == "127.0.0.1"  # where the next connection begins
            await pool.close()


async def test_silence_instead_of_tls_is_no_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        pool = WirePool(Destination("https", "a.test", silent.getsockname()[1], ("127.0.0.1",)), TLS)
        with pytest.raises(NotConnected) as failed:
            async with pool.open("GET", "/", [], b"", Timeouts(0.1, 600, 600)):
                pass
        assert not failed.value.worked
        await pool.close()


async def test_interim_answers_are_skipped() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    async with serving(says(interim, b"HTTP/1.1 201 Created\r\ncontent-length: 1\r\n\r\n!")) as server:
        pool = pool_of(server)
        async with pool.open("POST", "/", [], b"{}", TIMEOUTS) as answer:
            assert answer.status == 201
            assert answer.header("link") is None
            assert await read_all(answer, 10) == b"!"
        await pool.close()


async def test_answer_cut_at_every_byte_is_the_same() -> None:
    whole = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Request-ID: 7\r\n\r\n"
        b"3\r\nabc\r\n4;x=1\r\ndefg\r\n0\r\nTrailer: t\r\n\r\n"
    )
    async with serving(says(*(whole[i : i + 1] for i in range(len(whole))))) as server:
        pool = pool_of(server)
        async with pool.open("POST", "/", [], b"{}", TIMEOUTS) as answer:
            assert answer.header("x-request-id") == "7"
            assert await read_all(answer, 100) == b"abcdefg"
            assert answer.header("trailer") is None
        assert len(pool.spare) == 1
        await pool.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 70_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_lawful_answer_is_broken(answer: bytes) -> None:
    async with serving(says(answer)) as server:
        pool = pool_of(server)
        with pytest.raises(Broken):
            await ask(pool)
        assert not pool.spare
        await pool.close()


async def test_bytes_that_nobody_asked_for_end_the_connection() -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    async with serving(
        says(answer, b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged", pause_s=0.02)
    ) as server:
        pool = pool_of(server)
        assert await ask(pool) == (200, b"ok")
        await asyncio.sleep(0.1)
        assert await ask(pool) == (200, b"ok")
        assert len(server.heads) == 2
        await pool.close()


async def test_a_kept_connection_that_dies_at_the_next_request_may_have_worked() -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await reader.readexactly(2)
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    async with serving(once) as server:
        pool = pool_of(server)
        await ask(pool)
        with pytest.raises(Broken) as died:
            await ask(pool)
        assert died.value.worked
        assert await ask(pool) == (200, b"ok")
        await pool.close()


async def test_unused_connections_are_closed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "IDLE_S", 0.05)
    async with serving(says(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")) as server:
        pool = pool_of(server)
        await ask(pool)
        await asyncio.wait_for(server.closed_by_peer.wait(), 2)
        assert not pool.spare


async def test_the_servers_own_idle_time_is_respected() -> None:
    answer = b"HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nok"
    async with serving(says(answer)) as server:
        pool = pool_of(server)
        await ask(pool)
        await ask(pool)
        assert len(server.heads) == 2
        await pool.close()


async def test_a_slow_reader_holds_the_provider_back() -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 50000000\r\n\r\n")
        for _ in range(500):
            writer.write(b"x" * 100_000)
            await writer.drain()
            sent += 100_000

    async with serving(flood) as server:
        pool = pool_of(server)
        async with pool.open("GET", "/", [], b"", TIMEOUTS) as answer:
            await asyncio.sleep(0.3)
            assert sent < 20_000_000
            assert len(await read_all(answer, 60_000_000)) == 50_000_000
        await pool.close()


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1 x", []),
        ("/v1\r\nx: y", []),
        ("/v1", [("a", "b\r\nc: d")]),
        ("/\u00e9", []),
    ],
)
async def test_line_breaks_and_blanks_do_not_get_into_a_head(
    path: str, headers: list[tuple[str, str]]
) -> None:
    async with serving(says(b"")) as server:
        with pytest.raises(ValueError, match="line break"):
            pool_of(server).open("GET", path, headers, b"", TIMEOUTS)
        assert not server.heads


async def test_tls_checks_who_is_there(tmp_path: Path) -> None:
    tls = certificate(tmp_path, "provider.test")
    async with serving(says(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"), tls) as server:
        known = trusting(tmp_path, "provider.test")
        for name, context in (("provider.test", ssl.create_default_context()), ("other.test", known)):
            pool = pool_of(server, name, "https", context)
            with pytest.raises(NotConnected):
                await ask(pool)
        pool = pool_of(server, "provider.test", "https", known)
        assert await ask(pool) == (200, b"ok")
        await pool.close()


async def test_hanging_up_gives_what_the_other_side_sent_until_it_noticed() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nfirst ")
        await reader.readexactly(2)
        assert await reader.read() == b""  # our FIN
        writer.write(b"last")
        writer.close()

    async with serving(endless) as server:
        pool = pool_of(server)
        async with pool.open("POST", "/", [], b"{}", TIMEOUTS) as answer:
            assert await answer.read() == b"first "
            assert b"".join([piece async for piece in answer.hang_up()]) == b"last"
        assert not pool.spare


async def test_other_side_that_goes_on_for_nobody_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "LAST_WORDS_S", 0.05)

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                writer.write(b"more")
                await writer.drain()
                await asyncio.sleep(0.01)
        except OSError:
            pass

    async with serving(deaf) as server:
        pool = pool_of(server)
        async with pool.open("POST", "/", [], b"{}", TIMEOUTS) as answer:
            words = b"".join([piece async for piece in answer.hang_up()])
        assert set(words) <= set(b"more")
        await asyncio.sleep(0)
        assert answer.connection.transport is not None
        assert answer.connection.transport.is_closing()
