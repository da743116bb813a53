"""What a pump writes down of its sink: cursors, refusals, errors. All in the operator's scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.db import connections, transaction
from django.db.models import F

from audit.sinks.base import Item
from audit.sinks.models import Sink, SinkCursor, SinkDeadLetter
from orbit.lib import access

LOCK = 0x0B51  # first half of the advisory lock; the second is the sink's id
_REASON = 300

_MOVE = """
UPDATE audit_sinkcursor SET shard_seq = moved.after, moved_at = now()
FROM unnest(%s::smallint[], %s::bigint[], %s::bigint[]) AS moved (shard, before, after)
WHERE sink_id = %s AND audit_sinkcursor.shard = moved.shard AND shard_seq = moved.before
"""


class Overtaken(Exception):
    """Another process has moved this sink's cursor: it feeds the sink now."""


@contextmanager
def leading(sink_id: int) -> Iterator[bool]:
    """Whether this thread alone feeds the sink. The lock belongs to the connection, on which cursors are moved as well."""
    with access.operator():
        connection = connections["operator"]
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK, sink_id])
                leads = bool(cursor.fetchone()[0])
            yield leads
        finally:
            connection.close()  # which gives the lock back, however it went; one that died is never asked again


def cursors(sink_id: int) -> dict[int, int]:
    return dict(SinkCursor.objects.filter(sink_id=sink_id).values_list("shard", "shard_seq"))


def settled(
    sink_id: int,
    moves: Mapping[int, tuple[int, int]],
    *,
    sent: int,
    passed_over: int,
    missing: int,
    refused: Sequence[tuple[Item, str]],
) -> None:
    """Moves cursors, by shard from where to where, with all that came of the batch. Overtaken when one is elsewhere."""
    now = datetime.now(UTC)
    with transaction.atomic(using="operator"):
        with connections["operator"].cursor() as cursor:
            before, after = ([move[end] for move in moves.values()] for end in (0, 1))
            cursor.execute(_MOVE, [list(moves), before, after, sink_id])
            if cursor.rowcount != len(moves):
                raise Overtaken
        bury(sink_id, refused)
        more = {"last_sent_at": now} if sent else {}
        Sink.objects.filter(pk=sink_id).update(
            sent=F("sent") + sent,
            passed_over=F("passed_over") + passed_over,
            missing=F("missing") + missing,
            failing_since=None,
            failures=0,
            last_error="",
            next_try_at=None,
            seen_at=now,
            **more,
        )


def bury(sink_id: int, refused: Sequence[tuple[Item, str]]) -> None:
    """One letter for each event, however often it is refused; the last reason stays."""
    SinkDeadLetter.objects.bulk_create(
        [
            SinkDeadLetter(
                sink_id=sink_id,
                event_id=item.event_id,
                event_organization_id=item.organization_id,
                shard=item.shard,
                shard_seq=item.shard_seq,
                reason=reason[:_REASON],
            )
            for item, reason in refused
        ],
        update_conflicts=True,
        unique_fields=["sink", "event_id"],
        update_fields=["reason", "replay_asked_at", "replayed_at"],
    )


def failed(sink_id: int, reason: str, wait_s: float) -> None:
    now = datetime.now(UTC)
    Sink.objects.filter(pk=sink_id, failing_since=None).update(failing_since=now)
    Sink.objects.filter(pk=sink_id).update(
        failures=F("failures") + 1,
        last_error=reason[:_REASON],
        next_try_at=now + timedelta(seconds=wait_s),
        seen_at=now,
    )


def seen(sink_id: int) -> None:
    Sink.objects.filter(pk=sink_id).update(seen_at=datetime.now(UTC))


def asked_again(sink_id: int, most: int) -> list[SinkDeadLetter]:
    """Dead letters that somebody wants sent again."""
    wanted = SinkDeadLetter.objects.filter(sink_id=sink_id, replay_asked_at__isnull=False)
    return list(wanted.order_by("pk")[:most])


def replayed(letters: Sequence[SinkDeadLetter], reasons: Mapping[int, str]) -> None:
    """What became of letters: those with a reason stay, with it."""
    now = datetime.now(UTC)
    for letter in letters:
        letter.replay_asked_at = None
        if letter.pk in reasons:
            letter.reason = reasons[letter.pk][:_REASON]
        else:
            letter.replayed_at = now
    SinkDeadLetter.objects.bulk_update(letters, ["replay_asked_at", "replayed_at", "reason"])
