"""Answers hold no connection while they are sent, and few of them ask the database at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.http import HttpResponse

from console import streaming
from console.middleware import PatienceMiddleware


def _ask() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT 1")


def _is_held() -> bool:
    return connections["default"].connection is not None


def test_a_slow_reader_holds_no_connection_between_the_steps() -> None:
    def steps() -> Iterator[bytes]:
        for _ in range(3):
            _ask()
            assert _is_held()
            yield b"a"

    async def read() -> list[bool]:
        async with ThreadSensitiveContext():  # the request's thread
            answer = streaming.attachment("x", "text/plain", steps())
            return [await sync_to_async(_is_held)() async for _ in answer]

    assert asyncio.run(read()) == [False] * 3


def test_a_page_that_is_made_holds_no_connection_while_it_is_read() -> None:
    def page(request: Any) -> HttpResponse:
        _ask()
        return HttpResponse("x")

    asked: dict[str, Any] = {"type": "http", "method": "GET", "path": "/o/acme/", "headers": []}
    answer = PatienceMiddleware(page)(ASGIRequest(asked, None))  # type: ignore[arg-type]  # it has no body
    assert (answer.status_code, _is_held()) == (200, False)


def test_further_steps_are_made_few_at_once_and_first_ones_wait_for_nobody() -> None:
    lock, all_began = threading.Lock(), threading.Barrier(3, timeout=10)
    now, most = 0, 0

    def steps() -> Iterator[bytes]:
        nonlocal now, most
        all_began.wait()
        yield b"first"
        for _ in range(20):
            with lock:
                now += 1
                most = max(most, now)
            _ask()
            with lock:
                now -= 1
            yield b"more"

    async def read() -> int:
        async with ThreadSensitiveContext():
            return len([step async for step in streaming.attachment("x", "text/plain", steps())])

    async def work() -> list[int]:
        with streaming.together(asyncio.Semaphore(1)):
            return await asyncio.gather(*(read() for _ in range(3)))

    assert asyncio.run(work()) == [21] * 3
    assert most == 1
