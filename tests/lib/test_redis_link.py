"""The multiplexed connection: ordered, bounded in time, back by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from django.conf import settings

from orbit.lib.redis import Address, NotSent, RedisLink, Script, Serves, StoreError, StoreUnavailable
from orbit.lib.redis.breaker import Breaker
from tests.chaos import Chaos, chaos

ONCE = """
if redis.call('SET', KEYS[1] .. ':' .. ARGV[1], '1', 'NX', 'EX', 60) then redis.call('INCR', KEYS[1]) end
return redis.call('GET', KEYS[1])
"""


@pytest.fixture
def proxy() -> Iterator[Chaos]:
    with chaos(settings.REDIS_URL) as running:
        yield running


@asynccontextmanager
async def linked(url: str, timeout_s: float) -> AsyncIterator[RedisLink]:
    link = RedisLink(url, timeout_s)
    try:
        yield link
    finally:
        link.close()
        await asyncio.sleep(0.05)


async def comes_back(link: RedisLink) -> bytes:
    """Asks until there is an answer."""
    async with asyncio.timeout(10):
        while True:
            try:
                return bytes(await link.call("ECHO", "back"))
            except StoreUnavailable:
                await asyncio.sleep(0.02)


async def until_away(link: RedisLink) -> None:
    async with asyncio.timeout(30):
        while not link.away:
            with pytest.raises(StoreUnavailable):
                await link.call("PING")
            await asyncio.sleep(0.01)


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


@pytest.mark.parametrize("connected", [True, False], ids=["open connection", "while connecting"])
async def test_black_hole_is_answered_twice_within_three_time_outs(proxy: Chaos, connected: bool) -> None:
    async with linked(proxy.url, 1.0) as link:
        if connected:
            await link.call("PING")
        proxy.black_hole()
        async with asyncio.timeout(3):
            for _ in range(2):
                with pytest.raises(StoreUnavailable):
                    await link.call("PING")
        proxy.heal()
        assert await comes_back(link) == b"back"


async def test_caller_who_waits_for_the_connection_waits_no_longer_than_any_other(proxy: Chaos) -> None:
    """The answer to the greeting takes most of the time-out, so that nothing is left for the command."""
    async with linked(proxy.url, 1.0) as link:
        proxy.delay(0.3)  # two round trips of 0.6 s
        with pytest.raises(StoreUnavailable):
            async with asyncio.timeout(1.5):
                await link.call("PING")


async def test_refusing_store_is_found_again_without_help(proxy: Chaos) -> None:
    async with linked(proxy.url, 0.5) as link:
        await link.call("PING")
        proxy.refuse()
        await until_away(link)
        proxy.heal()
        assert await comes_back(link) == b"back"
        assert not link.away


async def test_reset_connection_fails_its_calls_and_the_next_call_works(proxy: Chaos) -> None:
    async with linked(proxy.url, 5) as link:
        await link.call("PING")
        proxy.delay(0.2)
        lost = asyncio.create_task(link.call("PING"))
        await asyncio.sleep(0)
        proxy.reset()
        with pytest.raises(StoreUnavailable):
            await lost
        assert await link.call("ECHO", "next") == b"next"


async def test_open_breaker_lets_no_call_through(proxy: Chaos) -> None:
    async with linked(proxy.url, 0.1) as link:
        link.PROBE_S = (60.0, 60.0)
        link.RETRY_S = 0.0
        proxy.black_hole()
        await until_away(link)
        before = proxy.accepted
        tasks = len(asyncio.all_tasks())
        answers = await asyncio.gather(*(link.call("PING") for _ in range(500)), return_exceptions=True)
        assert {type(one) for one in answers} == {NotSent}
        assert len(asyncio.all_tasks()) == tasks
        proxy.heal()
        with pytest.raises(StoreUnavailable):
            await link.call("PING")
        assert proxy.accepted == before


async def test_probes_alone_find_the_store_again(proxy: Chaos) -> None:
    async with linked(proxy.url, 0.1) as link:
        proxy.black_hole()
        await until_away(link)
        proxy.heal()
        async with asyncio.timeout(10):
            while not link.up:  # noqa: ASYNC110 - nobody calls, that is the point
                await asyncio.sleep(0.02)
        assert not link.away
        assert await link.call("ECHO", "back") == b"back"


async def test_callers_share_one_attempt_to_connect(proxy: Chaos) -> None:
    async with linked(proxy.url, 0.5) as link:
        proxy.black_hole()
        await asyncio.gather(*(link.call("PING") for _ in range(500)), return_exceptions=True)
        assert proxy.accepted == 1
        proxy.heal()
        assert await comes_back(link) == b"back"
        assert await asyncio.gather(*(link.call("ECHO", one) for one in range(500))) == [
            str(one).encode() for one in range(500)
        ]


def test_breaker_opens_at_the_fifth_failure_within_a_second_and_closes_clean() -> None:
    breaker = Breaker.of(0.1)
    for now in (0.0, 0.3, 0.6, 0.9, 1.2, 1.5):
        breaker.failed(now)
        assert not breaker.is_open
    breaker.failed(1.51)
    breaker.failed(1.52)
    assert breaker.is_open
    breaker.close()
    for now in (1.53, 1.54, 1.55, 1.56):
        breaker.failed(now)
        assert not breaker.is_open
    breaker.failed(1.57)
    assert breaker.is_open


async def test_late_answer_is_nobody_elses(proxy: Chaos) -> None:
    async with linked(proxy.url, 0.1) as link:
        await link.call("PING")
        proxy.delay(0.08)  # there and back is too late
        with pytest.raises(StoreUnavailable):
            await link.call("ECHO", "late")
        proxy.heal()
        await comes_back(link)
        assert [await link.call("ECHO", one) for one in range(100)] == [
            str(one).encode() for one in range(100)
        ]


@pytest.mark.parametrize("end", ["silence", "reset"])
async def test_command_whose_answer_was_lost_is_asked_again_under_its_id(proxy: Chaos, end: str) -> None:
    key = f"orbit:{{0}}:test:{time.time_ns()}"
    async with linked(proxy.url, 0.3) as link:
        await link.call("PING")
        for number in range(1, 11):
            proxy.lose_next_reply("reset" if end == "reset" else "silence")
            with pytest.raises(StoreUnavailable):
                await link.call("EVAL", ONCE, 1, key, number)
            async with asyncio.timeout(10):
                while True:
                    try:
                        assert await link.call("EVAL", ONCE, 1, key, number) == str(number).encode()
                        break
                    except StoreUnavailable:
                        await asyncio.sleep(0.05)


async def test_answer_that_was_cut_in_two_is_no_answer(proxy: Chaos) -> None:
    async with linked(proxy.url, 0.3) as link:
        await link.call("PING")
        proxy.cut_replies(after_bytes=40, end="reset")
        with pytest.raises(StoreUnavailable):
            await link.call("ECHO", "x" * 100)
        assert await comes_back(link) == b"back"


@pytest.mark.parametrize(
    "error",
    [
        "LOADING server is loading the dataset in memory",
        "READONLY You can't write against a read only replica.",
        "OOM command not allowed when used memory > 'maxmemory'.",
        "BUSY server is busy running a script.",
    ],
)
async def test_store_that_answers_with_an_error_is_quoted(error: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(1000):
            writer.write(b"+PONG\r\n" if b"PING" in piece else f"-{error}\r\n".encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with linked(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", 2) as link:
        for _ in range(10):
            with pytest.raises(StoreError) as raised:
                await link.call("SET", "k", "v")
            assert str(raised.value) == error
        assert not link.away
    server.close()


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n", b"+PONG\r\n+OK\r\n"])
async def test_answers_out_of_step_end_the_connection(said: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(said)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with linked(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", 2) as link:
        async with asyncio.timeout(1):
            for _ in range(2):
                with pytest.raises(StoreUnavailable):
                    await link.call("ECHO", "x")
    server.close()


async def test_what_was_left_to_do_is_done_before_others_pass(proxy: Chaos) -> None:
    order: list[str] = []

    async def recover(serves: Serves) -> None:
        assert serves(0)
        await asyncio.sleep(0.05)
        order.append(bytes(await link.at(0).call("ECHO", "recovered")).decode())

    async def ask(number: int) -> None:
        order.append(bytes(await link.call("ECHO", number)).decode())

    async with linked(proxy.url, 2) as link:
        link.recover = recover
        await asyncio.gather(*map(ask, range(3)))
        assert order == ["recovered", "0", "1", "2"]
        order.clear()
        proxy.refuse()
        await until_away(link)
        proxy.heal()
        await comes_back(link)
        await ask(7)
        assert order == ["recovered", "7"]


@pytest.mark.parametrize("error", [StoreError("OOM"), StoreUnavailable("away"), KeyError("a bug")])
async def test_nobody_passes_until_recovery_succeeds(error: Exception) -> None:
    failing = [error] * 7

    async def recover(serves: Serves) -> None:
        if failing:
            raise failing.pop()

    async with linked(settings.REDIS_URL, 2) as link:
        link.recover = recover
        await until_away(link)
        assert await comes_back(link) == b"back"
        assert failing == []


async def test_closed_link_fails_its_waiters(proxy: Chaos) -> None:
    async with linked(proxy.url, 5) as link:
        proxy.black_hole()
        waiting = asyncio.create_task(link.call("PING"))
        await asyncio.sleep(0.05)
        link.close()
        with pytest.raises(StoreUnavailable):
            await waiting


@pytest.mark.parametrize(
    "url",
    [
        "http://x",
        "redis://",
        "memcached://127.0.0.1",
        "redis://a:1,b:2",
        "redis://a:0",
        "redis://a:70000",
        "redis://a:1/x",
        "redis+cluster://a:1,",
        "redis+cluster://a:1/3",
        "redis+cluster://a:1",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="REDIS_URL"):
        RedisLink(url, 1)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://h", Address((("h", 6379),), "", "", 0, False, False)),
        ("rediss://:p%40ss@[::1]:7/3", Address((("::1", 7),), "", "p@ss", 3, True, False)),
        ("redis+cluster://u:p@a:1,b", Address((("a", 1), ("b", 6379)), "u", "p", 0, False, True)),
        ("rediss+cluster://a:1", Address((("a", 1),), "", "", 0, True, True)),
    ],
)
def test_address_is_read_in_full(url: str, address: Address) -> None:
    assert Address.parse(url) == address
