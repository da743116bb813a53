"""Stored prompts and answers: read, each time with an act; erased by subject; gone when their time is over."""

from __future__ import annotations

import hmac
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from audit.models import Content, ContentErasure, Event
from orbit.lib import access
from orbit.lib.errors import InputError
from tenants.models import ApiKey, DataKey
from tenants.rights import Right
from tenants.secrets import local
from tenants.secrets.data_keys import OpenedKey, Part
from tenants.services.data_keys import asked_reason, opened
from tenants.services.saved import Actor, changing

AT_ONCE = 1_000  # rows of one statement: each may hold a megabyte
PARTS = tuple(Content.Part.values)


@dataclass(frozen=True, slots=True)
class ReadPart:
    """One part of a call's content. `state` says why there is none: `not_kept`, `erased`, `expired`, `destroyed`, `damaged`.

    `matches` is whether it is what the event in the ledger has the digest of; None where only a part of it was kept.
    """

    name: str
    state: str  # kept, or why it is not there
    size: int
    truncated: bool = False
    content: bytes = b""
    content_type: str = ""
    spoken: str = ""
    matches: bool | None = None


@dataclass(frozen=True, slots=True)
class ReadContent:
    """What is stored of a call. `mode` is None where its policy had nothing stored; `act` is the reading's own event."""

    event_id: UUID
    mode: str | None
    until: str | None
    parts: tuple[ReadPart, ...]
    act: UUID | None


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose contents are erased: exactly one is given."""

    end_user: str | None = None
    key_id: UUID | None = None
    event_id: UUID | None = None

    def named(self) -> tuple[str, dict[str, Any]]:
        given = {
            name: getattr(self, name)
            for name in ("end_user", "key_id", "event_id")
            if getattr(self, name) not in (None, "")
        }
        if len(given) != 1:
            raise InputError(
                "end_user", "is needed, or a key, or a call: one of them", "name whose contents go"
            )
        return next(iter(given)), given


def read_content(*, organization_id: UUID, event_id: UUID, actor: Actor) -> ReadContent | None:
    """None when there is no such call. That somebody reads is an act of the same transaction: without it, no content."""
    with changing(organization_id, actor, Right.CONTENTS_READ) as change:
        told = _told(event_id)
        if told is None:
            return None
        there = Content.objects.filter(event_id=event_id, expires_at__gt=timezone.now())
        rows = {row.part: row for row in there}
        parts = tuple(
            _part(name, told, rows.get(name), organization_id, event_id)
            for name in PARTS
            if name in told or name in rows
        )
        act = None
        if any(part.state == "kept" for part in parts):
            act = change.act("content.read", str(event_id), None, {"parts": [part.name for part in parts]})
        return ReadContent(event_id, told.get("mode"), told.get("until"), parts, act)


def _told(event_id: UUID) -> Mapping[str, Any] | None:
    """What the ledger says of a call's content: of one that lapsed, its correction does."""
    call = Event.objects.filter(event_id=event_id, kind=Event.Kind.CALL).first()
    if call is None:
        return None
    told: dict[str, Any] = call.detail.get("content") or {}
    if call.status == "lease_expired" and told:
        later = Event.objects.filter(admitted_at=call.admitted_at, corrects=event_id).first()
        told = (later.detail.get("content") if later is not None else None) or told
    return told | {"end_user": call.end_user, "key_id": call.key_id, "admitted_at": call.admitted_at}


def _part(
    name: str, told: Mapping[str, Any], row: Content | None, organization_id: UUID, event_id: UUID
) -> ReadPart:
    digest: dict[str, Any] = told.get(name) or {}
    size = digest.get("bytes", row.size if row is not None else 0)
    if row is None:
        return ReadPart(name, _why_not(told, event_id), size)
    key = _key(row.generation)
    if key is None:
        return ReadPart(name, "destroyed", size, row.truncated)
    try:
        content = zlib.decompress(key.unseal(bytes(row.sealed), Part(organization_id, event_id, name)))
    except (local.CannotOpen, zlib.error):
        return ReadPart(name, "damaged", size, row.truncated)
    matches = None
    if row.mode == Content.Mode.FULL and not row.truncated:
        made = key.digest()
        made.update(content)
        matches = hmac.compare_digest(made.hexdigest(), digest.get("hmac_sha256", ""))
    return ReadPart(name, "kept", size, row.truncated, content, row.content_type, row.spoken, matches)


def _key(generation: int) -> OpenedKey | None:
    row = DataKey.objects.filter(generation=generation).first()
    if row is None or row.sealed is None:
        return None
    try:
        return opened(row)
    except local.CannotOpen:
        return None


def _why_not(told: Mapping[str, Any], event_id: UUID) -> str:
    """Why the ledger has a digest of what is not there."""
    asked = ContentErasure.objects.filter(until__gte=told["admitted_at"]).filter(
        Q(event_id=event_id) | Q(key_id=told["key_id"]) | Q(end_user=told["end_user"], end_user__isnull=False)
    )
    if asked.exists():
        return "erased"
    if DataKey.objects.filter(generation=told.get("key", 0)).exclude(destroyed_at=None).exists():
        return "destroyed"
    until = told.get("until")
    if until is not None and datetime.fromisoformat(until) <= timezone.now():
        return "expired"
    return "not_kept"


def contents_of(*, organization_id: UUID, actor: Actor, subject: Subject, reason: str) -> int:
    """Of how many calls `erase_contents` would erase something now."""
    with changing(organization_id, actor, Right.CONTENTS_ERASE):
        return _of(_asked(organization_id, subject, reason)[0]).values("event_id").distinct().count()


def erase_contents(*, organization_id: UUID, actor: Actor, subject: Subject, reason: str) -> int:
    """Erases what calls of the subject that were admitted until now have stored; returns of how many calls.

    What of them is still on its way to the table is erased by `erase_latecomers`.
    """
    with changing(organization_id, actor, Right.CONTENTS_ERASE) as change:
        erasure, name, why = _asked(organization_id, subject, reason)
        erasure.save(force_insert=True)
        calls, parts = _erase(erasure)
        told = {"subject": name, "calls": calls, "parts": parts, "reason": why}
        change.act("contents.erase", str(getattr(erasure, name)), None, told)
    return calls


def _asked(organization_id: UUID, subject: Subject, reason: str) -> tuple[ContentErasure, str, str]:
    """The erasure, by what its subject is named, and why."""
    name, given = subject.named()
    why = asked_reason(reason)
    if subject.key_id is not None and not ApiKey.objects.filter(pk=subject.key_id).exists():
        raise InputError("key", "is none of this organization's")
    return ContentErasure(organization_id=organization_id, until=timezone.now(), **given), name, why


def erase_latecomers(*, organization_id: UUID, since: datetime) -> int:
    """Repeats the erasures asked for since a moment; returns how many parts had come meanwhile."""
    with access.scope(organization_id=organization_id):
        asked = list(ContentErasure.objects.filter(until__gte=since))
        return sum(_erase(one)[1] for one in asked)


def _of(asked: ContentErasure) -> QuerySet[Content]:
    named = {
        name: getattr(asked, name)
        for name in ("end_user", "key_id", "event_id")
        if getattr(asked, name) is not None
    }
    return Content.objects.filter(**named, admitted_at__lte=asked.until)


def _erase(asked: ContentErasure) -> tuple[int, int]:
    rows = _of(asked)
    calls = rows.values("event_id").distinct().count()
    return calls, rows.delete()[0]


def recent_erasures(since: datetime) -> list[UUID]:
    """Organizations that asked for one since a moment."""
    with access.operator():
        rows = ContentErasure.objects.filter(until__gte=since)
        return list(rows.values_list("organization_id", flat=True).distinct())


def organizations_with_old_contents() -> list[UUID]:
    """Of which something is past its time, or encrypted by a key that is no more."""
    with access.operator():
        expired = Content.objects.filter(expires_at__lte=timezone.now())
        found = set(expired.values_list("organization_id", flat=True).distinct())
        of_key = Content.objects.filter(
            organization_id=OuterRef("organization_id"), generation=OuterRef("generation")
        )
        destroyed = DataKey.objects.exclude(destroyed_at=None).filter(Exists(of_key))
        found |= set(destroyed.values_list("organization_id", flat=True).distinct())
    return sorted(found)


def forget_old_contents(*, organization_id: UUID) -> int:
    """Deletes what is past its time, and what nobody can read any more; returns how many parts."""
    with access.scope(organization_id=organization_id):
        gone = DataKey.objects.exclude(destroyed_at=None).values("generation")
        old = Content.objects.filter(Q(expires_at__lte=timezone.now()) | Q(generation__in=gone))
        some = list(old.values_list("pk", flat=True)[:AT_ONCE])
        return Content.objects.filter(pk__in=some).delete()[0]
