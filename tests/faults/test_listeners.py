"""What the clients that listen make of chunks which say when they were sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from faults.listeners import Heard, Job, Listeners, percentile
from faults.streams import growth

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


END = b"data: [DONE]\n\n"


def event(sent_ago_s: float) -> bytes:
    return b'data: {"sent_us":%d}\n\n' % ((time.monotonic() - sent_ago_s) * 1e6)


Piece = bytes | Callable[[], bytes]  # what is called is made when it is sent


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def heard(*pieces: Piece) -> Heard:
    """By one stream, whose server sends these."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD)
        for piece in pieces:
            writer.write(chunked(piece if isinstance(piece, bytes) else piece()))
            await writer.drain()
            await asyncio.sleep(0.01)
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        listeners = Listeners(Job(port, "key", "tag", 1, 1.0, 500, 1.0, 1.0, 0.0))
        listeners.ended[await listeners._one(3)] += 1
    listeners.heard.ended = dict(listeners.ended)
    return listeners.heard


async def test_chunk_that_was_under_way_too_long_is_a_stall() -> None:
    books = await heard(lambda: event(0), lambda: event(0.3), END)
    assert (books.ended, books.chunks, books.stalls, books.gaps_over) == ({"whole": 1}, 2, 1, 1)


async def test_pause_of_the_providers_own_is_none() -> None:
    books = await heard(lambda: event(1.0), lambda: event(0), END)
    assert books.gaps_over == 0
    assert books.stalls == 1  # the first one: it was sent long before it came


async def test_event_in_two_pieces_is_one_chunk() -> None:
    whole = event(0)
    books = await heard(whole[:9], whole[9:], END)
    assert (books.ended, books.chunks) == ({"whole": 1}, 1)


async def test_stream_without_its_end_is_cut() -> None:
    assert (await heard(event(0))).ended == {"200 cut": 1}


def test_percentiles_are_of_counted_values() -> None:
    counts = {0.5: 98, 20.0: 1, 300.0: 1}
    assert [percentile(counts, part) for part in (0.5, 0.99, 1.0)] == [0.5, 20.0, 300.0]
    assert percentile({}, 0.5) == 0


@pytest.mark.parametrize(
    ("samples", "grown"),
    [
        ([10.0] * 3 + [100.0] * 7, 0.0),  # what it grows at first does not count
        ([100.0 + step for step in range(10)], 5.66),
        ([100.0, 101.0] * 50, 0.01),
        ([50.0], 0.0),
    ],
)
def test_growth_is_what_the_line_through_the_samples_rises(samples: list[float], grown: float) -> None:
    assert growth(samples)[0] == pytest.approx(grown, abs=0.05)
