"""From what a call left to encrypted rows. Runs beside the event loop."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import InterfaceError, OperationalError

from audit.models import Content
from orbit.lib import access
from proxy.copies import Copy, Half
from proxy.put_together import answer_in
from proxy.redaction import of_value, redacted
from tenants.models import DataKey
from tenants.secrets.data_keys import OpenedKey, Part

logger = logging.getLogger(__name__)

LEVEL = 1  # of compression: streams shrink to a tenth, in milliseconds
MARK = 16  # characters of a redacted text's digest


@dataclass(frozen=True, slots=True)
class Stored:
    """What one call left to be written."""

    organization_id: UUID
    event_id: UUID
    key_id: UUID
    end_user: str | None
    copy: Copy
    admitted_at: datetime
    expires_at: datetime
    since: float  # monotonic seconds

    @property
    def parts(self) -> list[str]:
        return [name for name in Content.Part.values if (half := self.half(name)) is not None and half.size]

    @property
    def size(self) -> int:
        """Bytes that it holds, with what is around them."""
        return 1_000 + sum(half.kept for half in (self.copy.request, self.copy.answer) if half is not None)

    def half(self, name: str) -> Half | None:
        return self.copy.request if name == Content.Part.REQUEST else self.copy.answer


def row_of(stored: Stored, name: str) -> Content:
    copy, half = stored.copy, stored.half(name)
    assert half is not None
    content, content_type = half.content, half.content_type[:100]
    if copy.storing.mode == Content.Mode.REDACTED:
        content, content_type = _redacted(copy.key, content, content_type, copy.spoken), "application/json"
    part = Part(stored.organization_id, stored.event_id, name)
    return Content(
        organization_id=stored.organization_id,
        event_id=stored.event_id,
        part=name,
        generation=copy.key.generation,
        sealed=copy.key.seal(zlib.compress(content, LEVEL), part),
        mode=copy.storing.mode,
        content_type=content_type,
        spoken=copy.spoken[:80],
        size=half.size,
        truncated=half.truncated,
        key_id=stored.key_id,
        end_user=stored.end_user and stored.end_user.replace("\x00", "\ufffd")[:256],  # as the ledger has it
        admitted_at=stored.admitted_at,
        expires_at=stored.expires_at,
    )


def _redacted(key: OpenedKey, content: bytes, content_type: str, spoken: str) -> bytes:
    """A stream is put together before: how long each of its pieces is says too much of what they say."""

    def mark(text: bytes) -> str:
        digest = key.digest()
        digest.update(text)
        return digest.hexdigest()[:MARK]

    answer = answer_in(content, content_type, spoken)
    return redacted(content, mark) if answer is None else of_value(answer, mark)


def written(batch: Sequence[Stored]) -> int:
    """Writes each organization's by itself, in its own scope. Returns of how many calls it cannot be done, ever.

    OperationalError or InterfaceError while the database is away; what was written by then is not written twice.
    """
    by_organization: dict[UUID, list[Stored]] = {}
    for stored in batch:
        by_organization.setdefault(stored.organization_id, []).append(stored)
    return sum(_of_organization(*one) for one in by_organization.items())


def _of_organization(organization_id: UUID, some: Sequence[Stored]) -> int:
    try:
        _write(organization_id, some)
        return 0
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        if len(some) == 1:
            logger.error("the content of %s is not kept: %s", some[0].event_id, type(error).__name__)
            return 1
    return sum(_of_organization(organization_id, [one]) for one in some)


def _write(organization_id: UUID, some: Sequence[Stored]) -> None:
    """What was encrypted by a key that has been destroyed meanwhile is left out."""
    rows = [row_of(stored, part) for stored in some for part in stored.parts]
    with access.scope(organization_id=organization_id):
        there = set(DataKey.objects.filter(destroyed_at=None).values_list("generation", flat=True))
        Content.objects.bulk_create([row for row in rows if row.generation in there], ignore_conflicts=True)
