"""The rows of sinks and cursors kept in step with the operator's file; every change written down."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import connections, transaction

from audit.sinks import reading
from audit.sinks.config import SinkConfig
from audit.sinks.lag import state
from audit.sinks.models import Sink, SinkChange, SinkCursor
from orbit.lib import access
from orbit.lib.errors import InputError

logger = logging.getLogger(__name__)

LOCK = 0x0B50  # one process at a time brings the rows up to date


def keep(configs: Sequence[SinkConfig], *, actor: str) -> dict[str, int]:
    """Makes the rows say what the file says, and returns each sink's id by name.

    A sink that the file no longer names keeps its place, and goes on from there if it comes back.
    """
    with access.operator(), transaction.atomic(using="operator"):
        with connections["operator"].cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [LOCK])
        rows = {row.name: row for row in Sink.objects.all()}
        for config in configs:
            _keep_one(config, rows, actor)
        named = {config.name for config in configs}
        for name, row in rows.items():
            if name not in named and row.removed_at is None:
                row.removed_at = datetime.now(UTC)
                row.save(update_fields=["removed_at"])
                _note(actor, "remove", name, before=row.settings)
        return {name: row.pk for name, row in rows.items() if name in named}


def _keep_one(config: SinkConfig, rows: dict[str, Sink], actor: str) -> None:
    told, row = config.told(), rows.get(config.name)
    if row is None and config.renamed_from in rows:
        row = rows.pop(config.renamed_from)
        row.name = config.name
        rows[config.name] = row
    if row is None:
        rows[config.name] = _add(config, actor)
        return
    if row.settings != told or row.removed_at is not None:  # its name is a part of its settings
        action = "restore" if row.removed_at else "change"
        before = row.settings
        row.kind, row.settings, row.removed_at = config.kind, told, None
        row.save(update_fields=["name", "kind", "settings", "removed_at"])
        _note(actor, action, config.name, before=before, after=told)


def _add(config: SinkConfig, actor: str) -> Sink:
    row = Sink.objects.create(name=config.name, kind=config.kind, settings=config.told())
    starts = reading.beginning(config.start)
    SinkCursor.objects.bulk_create(
        SinkCursor(sink=row, shard=shard, shard_seq=shard_seq) for shard, shard_seq in starts.items()
    )
    _note(actor, "add", config.name, after=row.settings)
    return row


def forget(*, name: str, actor: str) -> None:
    """Throws away the place and dead letters of a sink that was removed, or that no process feeds any more."""
    with access.operator(), transaction.atomic(using="operator"):
        row = Sink.objects.filter(name=name).first()
        if row is None:
            raise InputError("NAME", f"there is no sink {name!r}", "manage.py sinks status lists them.")
        if state(row, datetime.now(UTC)) not in ("removed", "stopped"):
            raise InputError("NAME", f"{name!r} is in use", "Take it out of the file of ORBIT_SINKS first.")
        row.delete()
        _note(actor, "forget", name, before=row.settings)


def _note(
    actor: str,
    action: str,
    name: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """It is nobody's organization that changed, so no organization's ledger tells of it."""
    SinkChange.objects.create(sink=name, action=action, actor=actor, before=before, after=after)
    logger.warning("%s: sink %s: %s, before %s, after %s", actor, name, action, before, after)
