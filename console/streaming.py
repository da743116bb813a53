"""Answers that are made as they are sent: never whole in memory, and a slow reader holds no transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

from audit.exports import making
from audit.exports.formats import FORMATS
from audit.exports.models import Export
from audit.exports.selection import Selection
from orbit.lib import access

AT_ONCE = 1_000  # events


class Streamed(StreamingHttpResponse):
    """Of a plain iterator, whose steps an asynchronous server has made in its thread, one by one.

    Django alone would gather them all first.
    """

    async def __aiter__(self) -> AsyncIterator[bytes]:
        steps = iter(self.streaming_content)  # type: ignore[arg-type]  # of a plain iterator
        while (step := await sync_to_async(_next)(steps)) is not None:
            yield step


def _next(steps: Iterator[bytes]) -> bytes | None:
    return next(steps, None)


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
