"""Dead letters given to the ledger once more, when what was in their way is gone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import orjson
from django.db import DataError, IntegrityError

from audit import dead_letters, events, ledger, retention, shaping
from audit.events import Row
from audit.models import DeadLetter
from orbit.lib import access
from orbit.lib.clock import rfc3339
from orbit.lib.ids import uuid7

logger = logging.getLogger(__name__)


def waiting() -> list[int]:
    """Ids of the dead letters that were not replayed, the oldest first."""
    with access.ledger():
        found = DeadLetter.objects.filter(replayed_at=None).order_by("pk")
        return list(found.values_list("pk", flat=True))


def replay(letter_id: int, *, actor: str) -> str | None:
    """Writes one dead letter into the ledger; None when it is there, else why it is not.

    Safe to repeat: an event that the ledger has is not written again. A letter that fails stays, with the new
    reason. The organization's trail has the act `ledger.replay`.
    """
    try:
        try:
            refused = _replay(letter_id, actor)
        except retention.Absent as absent:
            retention.make(absent.leaves)
            refused = _replay(letter_id, actor)
    except shaping.UNFIT as error:
        refused = f"{type(error).__name__}: {error}"
    except (DataError, IntegrityError) as error:
        refused = dead_letters.said(error)
    if refused is not None:
        refused = dead_letters.reason(refused)
        _stays(letter_id, refused)
    logger.warning(
        "dead letter %s, replayed by %s: %s", letter_id, actor, "refused" if refused else "written"
    )
    return refused


def _replay(letter_id: int, actor: str) -> str | None:
    with access.ledger():
        letter = DeadLetter.objects.get(pk=letter_id)
        place = ledger.Place.awaited(letter.shard)
        letter.refresh_from_db()
        if letter.replayed_at is not None:
            return None
        rows = shaping.new(_shaped(dead_letters.unpacked(letter.payload)))
        rows += _acts(letter, rows, actor)
        ledger.insert(rows, place)
        place.save()
        letter.tries += 1
        letter.tried_at = letter.replayed_at = place.now
        letter.save(update_fields=["tries", "tried_at", "replayed_at"])
    return None


def _shaped(fields: dict[bytes, bytes]) -> list[shaping.Shaped]:
    if fields.get(b"k") == b"act":
        return [(shaping.of_act(orjson.loads(fields[b"e"])), False)]
    return [(shaping.of_fields(fields), fields.get(b"k") == b"late")]


def _acts(letter: DeadLetter, rows: Sequence[Row], actor: str) -> list[Row]:
    """In the trail of whose event it was; nobody's when the ledger had it already."""
    owners: dict[UUID, str] = {row["organization_id"]: row["organization"] for row in rows}
    return [
        events.row(
            {
                "v": 1,
                "event_id": str(uuid7()),
                "kind": "act",
                "organization_id": str(one),
                "organization": slug,
                "admitted_at": rfc3339(datetime.now(UTC)),
                "detail": {
                    "actor": actor,
                    "action": "ledger.replay",
                    "target": f"dead letter {letter.pk}",
                    "after": {"event_id": str(rows[0]["event_id"])},
                },
            }
        )
        for one, slug in owners.items()
    ]


def _stays(letter_id: int, refused: str) -> None:
    with access.ledger():
        letter = DeadLetter.objects.select_for_update().get(pk=letter_id)
        if letter.replayed_at is None:
            letter.tries += 1
            letter.tried_at, letter.reason = datetime.now(UTC), refused
            letter.save(update_fields=["tries", "tried_at", "reason"])
