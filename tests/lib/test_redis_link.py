"""The multiplexed connection: ordered, bounded in time, back by itself."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from django.conf import settings

from orbit.lib.redis import RedisLink, Script, StoreError, StoreUnavailable


@pytest.fixture
def script(tmp_path: Path) -> Script:
    source = tmp_path / "echo.lua"
    source.write_text(f"return {{KEYS[1], ARGV[1], '{time.time_ns()}'}}")
    return Script.load(source)


async def test_many_calls_at_once_get_their_own_answers() -> None:
    link = RedisLink(settings.REDIS_URL, 2)
    answers = await asyncio.gather(*(link.call("ECHO", str(number)) for number in range(500)))
    assert answers == [str(number).encode() for number in range(500)]
    link.close()


async def test_script_that_the_store_does_not_know_is_sent_in_full(script: Script) -> None:
    link = RedisLink(settings.REDIS_URL, 2)
    assert (await link.run(script, ["k"], ["a"]))[:2] == [b"k", b"a"]
    assert (await link.run(script, ["k"], ["b"]))[:2] == [b"k", b"b"]
    link.close()


async def test_error_of_the_store_is_the_callers_alone() -> None:
    link = RedisLink(settings.REDIS_URL, 2)
    answers = await asyncio.gather(link.call("NOSUCH"), link.call("ECHO", "x"), return_exceptions=True)
    assert isinstance(answers[0], StoreError)
    assert answers[1] == b"x"
    link.close()


async def test_store_that_is_away_fails_at_once() -> None:
    link = RedisLink("redis://127.0.0.1:1/0", 0.5)
    with pytest.raises(StoreUnavailable):
        await link.call("PING")


async def test_store_that_does_not_answer_fails_in_time_and_is_tried_again() -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    link = RedisLink(f"redis://127.0.0.1:{port}/0", 0.1)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            async with asyncio.timeout(5):
                await link.call("PING")
    server.close()
    await asyncio.sleep(0.05)


async def test_lost_connection_comes_back() -> None:
    link = RedisLink(settings.REDIS_URL, 2)
    identity = await link.call("CLIENT", "ID")
    other = RedisLink(settings.REDIS_URL, 2)
    await other.call("CLIENT", "KILL", "ID", identity)
    await asyncio.sleep(0.05)
    assert await link.call("ECHO", "back") == b"back"
    for one in (link, other):
        one.close()


async def test_cancelled_caller_does_not_shift_the_answers() -> None:
    link = RedisLink(settings.REDIS_URL, 2)
    await link.call("PING")
    gone = asyncio.create_task(link.call("ECHO", "gone"))
    await asyncio.sleep(0)
    gone.cancel()
    assert await link.call("ECHO", "mine") == b"mine"
    link.close()


@pytest.mark.parametrize("url", ["http://x", "redis://", "memcached://127.0.0.1"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="REDIS_URL"):
        RedisLink(url, 1)
