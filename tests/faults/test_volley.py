"""The clients that press, against a server that answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import chain, repeat

from faults.volley import NUMBER, Job, Saw, Shot, Volley

Answers = Callable[[bytes], bytes | None]  # of a head; None: the connection ends
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@asynccontextmanager
async def server(answers: Answers, wait_s: float = 0.0) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await asyncio.sleep(wait_s)
                answer = answers(head)
                if answer is None:
                    break
                writer.write(answer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


async def fired(answers: Answers, *, wait_s: float = 0.0, **job: float) -> Saw:
    shot = Shot(f"/at/{NUMBER}", "key", method="GET")
    async with server(answers, wait_s) as port:
        given = {"connections": 0, "rate": 0.0, **job}
        return await Volley(
            Job(
                port,
                [shot],
                job["seconds"],
                connections=int(given["connections"]),
                rate=given["rate"],
                seed=1,
            )
        ).run()


async def test_each_request_has_a_number_of_its_own() -> None:
    heads: list[bytes] = []

    def answer(head: bytes) -> bytes:
        heads.append(head.split()[1])
        return OK

    saw = await fired(answer, seconds=0.2, connections=3)
    assert saw.ended["200"] > 3
    assert len(heads) == len(set(heads))


async def test_refusals_are_told_by_status_and_code() -> None:
    body = b'{"error": {"code": "rate_limited"}}'
    refusal = b"HTTP/1.1 429 No\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    saw = await fired(lambda head: refusal, seconds=1.0, connections=2)
    assert set(saw.ended) == {"429 rate_limited"}
    assert saw.of("429") == saw.ended["429 rate_limited"] > 0
    assert saw.total_ms == []


async def test_connection_that_ends_is_a_call_lost_and_the_next_gets_another() -> None:
    turns = chain([None, OK, None], repeat(OK))
    saw = await fired(lambda head: next(turns), seconds=1.0, connections=1)
    assert saw.ended["lost"] == 2
    assert saw.ended["200"] > 1


async def test_calls_at_a_rate_do_not_wait_for_one_another() -> None:
    """Each is counted from when it was due, so that a server which answers late cannot hide it by being asked less."""
    saw = await fired(lambda head: OK, wait_s=0.3, seconds=0.5, rate=60.0)
    assert saw.ended["200"] > 10
    assert min(saw.total_ms) >= 300
