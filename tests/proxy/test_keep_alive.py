"""A stream whose provider thinks for long is kept open by events that mean nothing."""

from __future__ import annotations

import asyncio

from proxy.channel import Channel

EVERY_S = 0.01
PING = b": keep-alive\n\n"


def test_only_a_quiet_stream_is_kept_alive() -> None:
    async def run() -> list[bytes]:
        channel = Channel(patience_s=5)
        channel.keep_alive(PING, EVERY_S)
        found = [await channel.get() for _ in range(2)]
        channel.give(b"data: 1\n\n")
        found.append(await channel.get())
        channel.end()
        found.append(await channel.get())
        return found

    assert asyncio.run(run()) == [PING, PING, b"data: 1\n\n", b""]


def test_nothing_is_given_to_who_has_left() -> None:
    async def run() -> int:
        channel = Channel(patience_s=5)
        channel.keep_alive(PING, EVERY_S)
        channel.abandon()
        await asyncio.sleep(5 * EVERY_S)
        return len(channel.pieces)

    assert asyncio.run(run()) == 0
