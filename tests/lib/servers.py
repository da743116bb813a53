"""Small servers on loopback that misbehave on purpose."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    port: int = 0
    heads: list[bytes] = field(default_factory=list)  # request heads as they came
    open: int = 0
    head_came: asyncio.Event = field(default_factory=asyncio.Event)
    closed_by_peer: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def serving(answer: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Reads one request head a connection, then leaves the rest to `answer`."""
    server = Server()
    writers: set[asyncio.StreamWriter] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        server.open += 1
        try:
            server.heads.append(await reader.readuntil(b"\r\n\r\n"))
            server.head_came.set()
            await answer(reader, writer)
            if not await reader.read(1):
                server.closed_by_peer.set()
        except (OSError, asyncio.IncompleteReadError):
            server.closed_by_peer.set()
        finally:
            server.open -= 1
            writer.close()

    listening = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for writer in writers:
            writer.transport.abort()
        while server.open:  # noqa: ASYNC110 - moments, at the end of a test
            await asyncio.sleep(0.001)


def plain(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> Handler:
    """Answers with a whole body."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = b"content-length: %d" % len(body)
        writer.write(b"\r\n".join([b"HTTP/1.1 " + status, length, *headers, b"", body]))
        await writer.drain()

    return answer
