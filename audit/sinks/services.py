"""What operators do to sinks while they run: send refused events again. Everything else stands in their file."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction

from audit.sinks.models import Sink, SinkChange, SinkDeadLetter
from orbit.lib import access
from orbit.lib.errors import InputError

logger = logging.getLogger(__name__)


def replay(*, name: str, events: Sequence[UUID] | None, actor: str) -> int:
    """Asks for dead letters of a sink to be sent again, all of them where `events` is None. Its process does it.

    Returns how many were asked for.
    """
    with access.operator(), transaction.atomic(using="operator"):
        sink = Sink.objects.filter(name=name).first()
        if sink is None:
            raise InputError("NAME", f"there is no sink {name!r}", "manage.py sinks status lists them.")
        if sink.removed_at is not None:
            raise InputError(
                "NAME", f"{name!r} was removed", "Put it into the file of ORBIT_SINKS again first."
            )
        wanted = SinkDeadLetter.objects.filter(sink=sink, replayed_at=None)
        if events is not None:
            wanted = wanted.filter(event_id__in=events)
            strange = set(events) - set(wanted.values_list("event_id", flat=True))
            if strange:
                raise InputError(
                    "EVENT",
                    f"{min(map(str, strange))} is no dead letter of {name!r}",
                    "manage.py sinks letters lists them.",
                )
        count = wanted.update(replay_asked_at=datetime.now(UTC))
        told = {"events": "all" if events is None else sorted(map(str, events)), "count": count}
        SinkChange.objects.create(sink=name, action="replay", actor=actor, after=told)
        logger.warning("%s: sink %s: replay of %s dead letters", actor, name, count)
    return count
