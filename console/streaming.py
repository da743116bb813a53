"""Answers that are made as they are sent: never whole in memory, and a slow reader holds no transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import close_old_connections
from django.http import StreamingHttpResponse

from audit.exports import making
from audit.exports.formats import FORMATS
from audit.exports.models import Export
from audit.exports.selection import Selection
from orbit.lib import access

AT_ONCE = 1_000  # events

_together: ContextVar[asyncio.Semaphore | None] = ContextVar("orbit_steps", default=None)


class Streamed(StreamingHttpResponse):
    """Of a plain iterator, whose steps an asynchronous server has made in its thread, one by one.

    Django alone would gather them all first.
    """

    async def __aiter__(self) -> AsyncIterator[bytes]:
        steps = iter(self.streaming_content)  # type: ignore[arg-type]  # of a plain iterator
        step = await sync_to_async(_next)(steps)  # in the request's own place
        while step is not None:
            yield step
            async with _together.get() or nullcontext():
                step = await sync_to_async(_next)(steps)


@contextmanager
def together(few: asyncio.Semaphore) -> Iterator[None]:
    """What is streamed within makes each further step as one of few."""
    token = _together.set(few)
    try:
        yield
    finally:
        _together.reset(token)


def _next(steps: Iterator[bytes]) -> bytes | None:
    """The next step; then its thread's connections are free for others, however slowly it is read."""
    try:
        return next(steps, None)
    finally:
        close_old_connections()


def attachment(name: str, content_type: str, steps: Iterator[bytes], size: int | None = None) -> Streamed:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Streamed(
        steps,
        content_type=content_type,
        headers=headers | ({} if size is None else {"Content-Length": str(size)}),
    )


def events(organization_id: UUID, form: str, selection: Selection) -> Iterator[bytes]:
    """The selection as of now, some events at a time, each read in a transaction of its own."""
    told: list[dict[str, Any]] = []
    with access.scope(organization_id=organization_id):
        first, last = selection.bounds()
    yield FORMATS[form].begin()
    after: int | None = first - 1
    while after is not None and after < last:
        with access.scope(organization_id=organization_id):
            found, after = selection.batch(after, last, AT_ONCE)
        if found:
            content, facts = FORMATS[form].rows(found)
            told.append(facts)
            yield content
    yield FORMATS[form].end(told)


def pieces(export: Export) -> Iterator[bytes]:
    for number in range(export.parts):
        with access.scope(organization_id=export.organization_id):
            content = making.piece(export, number)
        yield content
