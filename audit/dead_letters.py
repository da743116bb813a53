"""Entries that could not be written: kept as they came, with the reason, until they are replayed.

Whose entry it was is told in that organization's trail, as far as the entry says it: `ledger.gap`.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import orjson
from django.db import DatabaseError

from audit import events
from audit.events import Row
from audit.models import ChainHead, DeadLetter
from orbit.lib.clock import rfc3339

logger = logging.getLogger(__name__)

REASON = 500  # characters
GAP = UUID("6a6f7262-6974-4c41-8445-000000000002")  # names the act that tells of some


def said(error: DatabaseError) -> str:
    return f"{type(error).__name__}: {error}"


def reason(why: str) -> str:
    return why.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()[:REASON]


def packed(fields: Mapping[bytes, bytes]) -> str:
    """An entry as text, from which its very bytes can be had again."""
    return json.dumps(
        {
            name.decode("utf-8", "surrogateescape"): value.decode("utf-8", "surrogateescape")
            for name, value in fields.items()
        }
    )


def unpacked(payload: str) -> dict[bytes, bytes]:
    return {
        name.encode("utf-8", "surrogateescape"): str(value).encode("utf-8", "surrogateescape")
        for name, value in json.loads(payload).items()
    }


@dataclass
class Letters:
    """The dead letters of one batch of a shard."""

    shard: int
    made: list[DeadLetter] = field(default_factory=list)
    owners: dict[UUID, list[DeadLetter]] = field(default_factory=lambda: defaultdict(list))
    slugs: dict[UUID, str] = field(default_factory=dict)

    def add(self, stream_id: str, fields: dict[bytes, bytes], why: str) -> None:
        letter = DeadLetter(
            shard=self.shard,
            stream_id=stream_id,
            payload=packed(fields),
            reason=reason(why),
        )
        self.made.append(letter)
        found = owner(fields)
        if found is not None:
            letter.about, self.slugs[found[0]] = found
            self.owners[found[0]].append(letter)

    def write(self) -> None:
        if self.made:
            DeadLetter.objects.bulk_create(self.made)
            logger.error("shard %s: %s entries became dead letters", self.shard, len(self.made))

    def gaps(self, now: datetime) -> list[Row]:
        """An act for each organization that the ledger knows, once the letters are written."""
        if not self.owners:
            return []
        known = set(ChainHead.objects.filter(pk__in=self.owners).values_list("pk", flat=True))
        return [self._gap(one, letters, now) for one, letters in self.owners.items() if one in known]

    def _gap(self, organization: UUID, letters: Iterable[DeadLetter], now: datetime) -> Row:
        ids = [letter.pk for letter in letters]
        return events.row(
            {
                "v": 1,
                "event_id": str(uuid5(GAP, f"{organization} {ids}")),
                "kind": "act",
                "organization_id": str(organization),
                "organization": self.slugs[organization],
                "admitted_at": rfc3339(now),
                "detail": {
                    "actor": "ledger",
                    "action": "ledger.gap",
                    "target": "dead letters",
                    "after": {"entries": len(ids), "dead_letters": ids[:100]},
                },
            }
        )


def owner(fields: Mapping[bytes, bytes]) -> tuple[UUID, str] | None:
    """The organization that an entry names, if it can be read so far."""
    try:
        text = fields.get(b"e", b"")
        if fields.get(b"k") == b"refusal":
            text = text.split(b"\n", 3)[3]
        sent: Any = orjson.loads(text)
        return UUID(str(sent["organization_id"])), str(sent["organization"])
    except (LookupError, ValueError, TypeError, RecursionError):
        return None
