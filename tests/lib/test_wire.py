"""Our own HTTP/1.1 client: connections kept or not, answers of every lawful shape, others refused."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from orbit.lib import wire
from orbit.lib.egress import read_all
from orbit.lib.exchange import Broken, Destination, NotConnected, Timeouts
from orbit.lib.wire import WirePool
from tests.lib.servers import Handler, Server, serving

TIMEOUTS = Timeouts(connect_s=2, first_byte_s=2, idle_s=2)


def pool_of(server: Server, host: str = "127.0.0.1", scheme: str = "http") -> WirePool:
    return WirePool(Destination(scheme, host, server.port, "127.0.0.1"), TIMEOUTS)


async def ask(pool: WirePool, most: int = 10_000_000) -> tuple[int, bytes]:
    async with pool.open("POST", "http://x/v1/chat", [("a", "b")], b"{}", 2) as answer:
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
            async with pool.open("POST", "http://x/", [], b"{}", 2) as answer:
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


async def test_interim_answers_are_skipped() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    async with serving(says(interim, b"HTTP/1.1 201 Created\r\ncontent-length: 1\r\n\r\n!")) as server:
        pool = pool_of(server)
        async with pool.open("POST", "http://x/", [], b"{}", 2) as answer:
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
        async with pool.open("POST", "http://x/", [], b"{}", 2) as answer:
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
        async with pool.open("GET", "http://x/", [], b"", 2) as answer:
            await asyncio.sleep(0.3)
            assert sent < 20_000_000
            assert len(await read_all(answer, 60_000_000)) == 50_000_000
        await pool.close()


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("http://x/v1 x", []),
        ("http://x/v1\r\nx: y", []),
        ("http://x/v1", [("a", "b\r\nc: d")]),
        ("http://x/\u00e9", []),
    ],
)
async def test_line_breaks_and_blanks_do_not_get_into_a_head(
    url: str, headers: list[tuple[str, str]]
) -> None:
    async with serving(says(b"")) as server:
        with pytest.raises(ValueError, match="line break"):
            pool_of(server).open("GET", url, headers, b"", 1)
        assert not server.heads


def certificate(folder: Path, name: str) -> ssl.SSLContext:
    """A self-signed certificate for a name or address, which no trust store knows."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName(
        [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both = folder / "both.pem"
    both.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context


async def test_tls_checks_who_is_there(tmp_path: Path) -> None:
    tls = certificate(tmp_path, "provider.test")
    async with serving(says(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"), tls) as server:
        stranger = pool_of(server, "provider.test", "https")
        with pytest.raises(NotConnected):
            await ask(stranger)
        known = pool_of(server, "provider.test", "https")
        assert known.tls is not None
        known.tls.load_verify_locations(tmp_path / "both.pem")
        assert await ask(known) == (200, b"ok")
        other_name = pool_of(server, "other.test", "https")
        assert other_name.tls is not None
        other_name.tls.load_verify_locations(tmp_path / "both.pem")
        with pytest.raises(NotConnected):
            await ask(other_name)
        for pool in (stranger, known, other_name):
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
        async with pool.open("POST", "http://x/", [], b"{}", 2) as answer:
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
        async with pool.open("POST", "http://x/", [], b"{}", 2) as answer:
            words = b"".join([piece async for piece in answer.hang_up()])
        assert set(words) <= set(b"more")
        await asyncio.sleep(0)
        assert answer.connection.transport is not None
        assert answer.connection.transport.is_closing()
