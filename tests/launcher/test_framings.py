"""Requests that two servers in a row might read in two ways: each is refused, and nothing behind it is served."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.launcher.bare import Bare, running

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"POST /first HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
POST = b"POST /first HTTP/1.1\r\nHost: x\r\n"
FRAMINGS = {
    "both lengths": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both lengths, the other way round": POST
    + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 3\r\nContent-Length: 0\r\n\r\nabc",
    "one length twice": POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "two lengths in a line": POST + b"Content-Length: 3, 3\r\n\r\nabc",
    "a length with a plus": POST + b"Content-Length: +3\r\n\r\nabc",
    "a length below nothing": POST + b"Content-Length: -3\r\n\r\nabc",
    "a length in another base": POST + b"Content-Length: 0x3\r\n\r\nabc",
    "a length beyond what can be counted": POST + b"Content-Length: 99999999999999999999999\r\n\r\nabc",
    "bare line feeds": b"POST /first HTTP/1.1\nHost: x\nContent-Length: 3\n\nabc",
    "one bare line feed": POST + b"A: b\nContent-Length: 3\r\n\r\nabc",
    "a bare carriage return": POST + b"A: b\rContent-Length: 3\r\n\r\nabc",
    "a folded field": POST + b"A: b\r\n c\r\nContent-Length: 3\r\n\r\nabc",
    "a folded length": POST + b"Content-Length:\r\n 3\r\n\r\nabc",
    "a folded first field": b"POST /first HTTP/1.1\r\n Host: x\r\nContent-Length: 3\r\n\r\nabc",
    "a space before the colon": POST + b"Content-Length : 3\r\n\r\nabc",
    "a tab in a name": POST + b"Content\t-Length: 3\r\n\r\nabc",
    "NUL in a field": POST + b"A: b\x00c\r\nContent-Length: 3\r\n\r\nabc",
    "an unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "chunked and then something else": POST
    + b"Transfer-Encoding: chunked, identity\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "two codings in two lines": POST
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "a chunk's size with a sign": CHUNKED + b"+3\r\nabc\r\n0\r\n\r\n",
    "a chunk's size below nothing": CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n",
    "a chunk's size with its base": CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n",
    "a chunk's size beyond what can be counted": CHUNKED + b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "a chunk that goes on after its size": CHUNKED + b"3\r\nabcdef\r\n0\r\n\r\n",
    "a chunk's line that a bare line feed ends": CHUNKED + b"3;a=b\nabc\r\n0\r\n\r\n",
    "an extension with a line feed in it": CHUNKED + b"3;a\nb\r\nabc\r\n0\r\n\r\n",
    "no version": b"GET /first\r\n\r\n",
    "a version that is not there yet": b"GET /first HTTP/9.9\r\nHost: x\r\n\r\n",
    "words before the request": b"hello GET /first HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.fixture(scope="module")
def bare() -> Iterator[Bare]:
    with running() as server:
        yield server


@pytest.mark.parametrize("name", FRAMINGS)
def test_ambiguous_framing_is_refused_with_all_that_follows(bare: Bare, name: str) -> None:
    answer = bare.told(FRAMINGS[name] + SMUGGLED)
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in answer
    assert not {"/smuggled", "/first"} & set(bare.served())


def test_plain_requests_and_chunks_pass(bare: Bare) -> None:
    """Or the test above would prove nothing."""
    answer = bare.told(
        CHUNKED.replace(b"/first", b"/chunked")
        + b"3;name=value\r\nabc\r\n0\r\n\r\n"
        + b"POST /plain HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
    )
    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert {"/chunked", "/plain"} <= set(bare.served())


def test_what_asks_for_another_protocol_is_answered_in_this_one(bare: Bare) -> None:
    head = b"POST /upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n"
    answer = bare.told(head + b"Content-Length: 36\r\n\r\n" + SMUGGLED.ljust(36))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert "/smuggled" not in bare.served()


def test_refusal_does_not_mix_with_an_answer_that_is_being_sent(bare: Bare) -> None:
    answer = bare.told(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n" + FRAMINGS["two lengths"] + SMUGGLED)
    assert answer.count(b"HTTP/1.1 ") <= 1 or answer.startswith(b"HTTP/1.1 400 ")
    assert "/smuggled" not in bare.served()
