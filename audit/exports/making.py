"""How a file is made in the background: a piece at a time, each in a transaction of its own with how far it went.

Whoever dies in between leaves what was committed; the next one goes on behind it.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db.models.functions import Now

from audit.exports.formats import FORMATS
from audit.exports.models import Export, ExportPart
from audit.exports.selection import Selection

PIECE = 5_000  # events looked at for one
LEVEL = 6
State = Export.State


def step(export: Export) -> bool:
    """Makes one piece, of an export whose row is locked. False when there is no more to make."""
    form, selection = FORMATS[export.format], Selection.read(export.asked)
    if export.first is None or export.last is None:
        export.first, export.last = selection.bounds()
        export.place, export.state = export.first - 1, State.RUNNING
        _add(export, form.begin())
        if export.last < export.first:  # nothing is like that
            _add(export, form.end([]))
        _save(export)
        return True
    if export.place >= export.last:
        return False
    found, place = selection.batch(export.place, export.last, PIECE)
    if found:
        content, facts = form.rows(found)
        _add(export, content, facts)
    export.events += len(found)
    export.place = export.last if place is None else place
    if export.size > settings.ORBIT_EXPORT_MAX_BYTES:
        fail(
            export,
            f"It grew beyond {settings.ORBIT_EXPORT_MAX_BYTES} bytes. Ask for a shorter time, or for fewer events.",
        )
        return True
    if export.place >= export.last:
        told = ExportPart.objects.filter(export=export, facts__has_key="rows").order_by("number")
        _add(export, form.end(told.values_list("facts", flat=True)))
    _save(export)
    return True


def digest(export: Export) -> str:
    """SHA-256 of the whole file."""
    made = sha256()
    for piece in pieces(export):
        made.update(piece)
    return made.hexdigest()


def pieces(export: Export) -> Iterator[bytes]:
    """The file's content, a piece at a time. Within a scope."""
    for number in range(export.parts):
        yield piece(export, number)


def piece(export: Export, number: int) -> bytes:
    content: Any = (
        ExportPart.objects.filter(export=export).values_list("content", flat=True).get(number=number)
    )
    return bytes(content)


def fail(export: Export, problem: str) -> None:
    """Nothing of it is kept but why."""
    ExportPart.objects.filter(export=export).delete()
    export.state, export.problem, export.size, export.parts = State.FAILED, problem, 0, 0
    _save(export)


def ending(export: Export) -> str:
    """Of the file's name. Texts are compressed; pieces that are gzip files are one together (RFC 1952)."""
    form = FORMATS[export.format]
    return form.ending if form.packed else f"{form.ending}.gz"


def content_type(export: Export) -> str:
    form = FORMATS[export.format]
    return form.content_type if form.packed else "application/gzip"


def _add(export: Export, content: bytes, facts: dict[str, Any] | None = None) -> None:
    if not content:
        return
    kept = content if FORMATS[export.format].packed else gzip.compress(content, LEVEL, mtime=0)
    ExportPart.objects.create(
        organization_id=export.organization_id,
        export=export,
        number=export.parts,
        content=kept,
        facts=facts or {},
    )
    export.parts += 1
    export.size += len(kept)


def _save(export: Export) -> None:
    export.save()
    Export.objects.filter(pk=export.pk).update(told_at=Now())
