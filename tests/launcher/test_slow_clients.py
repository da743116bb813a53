"""Clients that take their time over a request or its answer, and heads that are too large: bounded before anything is read."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from tests.launcher.bare import LARGE, Bare, everything, running

QUICK = {"ORBIT_HEAD_S": "1", "ORBIT_BODY_S": "1", "ORBIT_UNREAD_S": "1", "ORBIT_WORKER_CONNECTIONS": "16"}
PLAIN = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def bare() -> Iterator[Bare]:
    with running(QUICK) as server:
        yield server


def test_head_that_does_not_end_is_refused(bare: Bare) -> None:
    with bare.connect() as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nA: ")
        assert bare.told(PLAIN.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")).startswith(
            b"HTTP/1.1 200 "
        )
        assert everything(slow).startswith(b"HTTP/1.1 408 ")


def test_body_that_does_not_end_is_refused_and_not_served(bare: Bare) -> None:
    for head in (b"Content-Length: 100", b"Transfer-Encoding: chunked"):
        with bare.connect() as slow:
            slow.sendall(b"POST /slow HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n3\r\n")
            assert everything(slow).startswith(b"HTTP/1.1 408 ")
    assert "/slow" not in bare.served()


def test_connection_without_a_request_is_closed_without_a_word(bare: Bare) -> None:
    with bare.connect() as silent:
        assert everything(silent) == b""


def test_empty_lines_behind_a_request_do_not_end_its_answer(bare: Bare) -> None:
    """Which takes longer than ORBIT_HEAD_S."""
    with bare.connect() as client:
        client.sendall(b"GET /late HTTP/1.1\r\nHost: x\r\n\r\n\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_answer_that_nobody_reads_is_given_up(bare: Bare) -> None:
    with bare.connect() as reader:
        reader.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        while "/large" not in bare.served():
            time.sleep(0.1)
        for _ in range(5):  # each takes a look of the server's, or more
            with bare.connect() as other:
                everything(other)
        assert len(everything(reader)) < LARGE


def test_body_that_keeps_coming_gets_its_time(bare: Bare) -> None:
    """Longer than ORBIT_BODY_S, since every 32 KiB of it bring a second."""
    size = 4 * 65_536
    with bare.connect() as steady:
        steady.sendall(
            b"POST /steady HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size
        )
        steady.sendall(b"x" * (size // 2))
        with bare.connect() as other:  # two looks of the server's at least
            everything(other)
        steady.sendall(b"x" * (size // 2))
        assert everything(steady).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("request_line", "fields", "status"),
    [
        (b"GET /%b HTTP/1.1" % (b"a" * 9_000), b"", b"414"),
        (b"GET / HTTP/1.1", b"a: b\r\n" * 120, b"431"),
        (b"GET / HTTP/1.1", b"a: %b\r\n" % (b"b" * 40_000), b"431"),
    ],
)
def test_head_that_is_too_large_is_refused(
    bare: Bare, request_line: bytes, fields: bytes, status: bytes
) -> None:
    answer = bare.told(request_line + b"\r\nHost: x\r\n" + fields + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b'"code":"invalid_request"' in answer


def test_head_that_grows_without_end_is_refused_before_its_end(bare: Bare) -> None:
    assert bare.told(b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 70_000).startswith(b"HTTP/1.1 431 ")


def test_idle_connections_make_room_when_there_are_too_many(bare: Bare) -> None:
    many = [bare.connect() for _ in range(40)]
    for one in many:
        one.sendall(PLAIN)
        assert one.recv(65_536).startswith(b"HTTP/1.1 200 ")
        one.setblocking(False)
    while sum(_is_closed(one) for one in many) < 40 - 16:
        time.sleep(0.1)
    for one in many:
        one.close()


def _is_closed(connection: socket.socket) -> bool:
    try:
        while connection.recv(65_536):  # of the answer
            pass
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True
