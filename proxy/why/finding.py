"""Looks a request up where it left a trace: the ledger, the counting store, the notes of refusals, the counts of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from audit import reading
from audit.models import Event
from orbit.lib import access
from orbit.lib.clock import from_us, rfc3339
from orbit.lib.errors import Code
from orbit.lib.store import client, each
from proxy import refusals
from proxy.refusals import Note
from proxy.why import words
from proxy.why.told import COUNTED, DROPPED, REFUSED, UNDER_WAY, UNKNOWN, Told
from quotas import keys
from tenants.models import ApiKey, Organization

MOST_COUNTS = 50
LATEST = 2_000  # entries of the stream among which a call that has just ended is looked for


def told(organization: Organization, request_id: UUID, only: Mapping[str, Any] | None = None) -> Told:
    """In the organization's scope. `only` says which keys' requests may be told of: `{"key_id__in": […]}`, or nothing.

    RedisError when the store is away and the ledger has no call of the id.
    """
    wanted = dict(only or {})
    return (
        _in_ledger(organization, request_id, wanted)
        or _under_way(organization, request_id, wanted)
        or _noted(organization, request_id, wanted)
        or _dropped(organization, request_id, wanted)
        or _counted(organization, request_id, wanted)
    )


def whose(request_id: UUID) -> Organization | None:
    """The organization that a request was made for; for operators. RedisError when the store is away."""
    with access.operator():
        event = Event.objects.filter(event_id=request_id).only("organization_id").first()
        organizations = list(Organization.objects.filter(purged_at=None).only("id", "shard"))
    known = {str(one.pk): one for one in organizations}
    if event is not None:
        return known.get(str(event.organization_id))
    shards = sorted({one.shard for one in organizations})
    for opened in each([(shard, ("HGET", keys.lease(shard, str(request_id)), "e")) for shard in shards]):
        if isinstance(opened, bytes):
            return known.get(orjson.loads(opened)["organization_id"])
    found = refusals.find([(one.shard, str(one.pk)) for one in organizations], request_id)
    return known.get(found[0]) if found else None


def _in_ledger(organization: Organization, request_id: UUID, wanted: dict[str, Any]) -> Told | None:
    calls = Event.objects.filter(organization_id=organization.pk, kind=Event.Kind.CALL, **wanted)
    call = calls.filter(event_id=request_id).first()
    if call is None:
        return None
    later = Event.objects.filter(organization_id=organization.pk, admitted_at=call.admitted_at)
    return Told(
        request_id=request_id,
        outcome=call.status or UNKNOWN,
        message=words.of_call(call, list(later.filter(corrects=call.event_id).order_by("seq"))),
        at=call.admitted_at,
        project=call.project,
        key=call.key,
        model=call.model,
        endpoint=call.endpoint,
        code=call.code,
        status=call.http_status,
        in_ledger=True,
    )


def _under_way(organization: Organization, request_id: UUID, wanted: dict[str, Any]) -> Told | None:
    """A call whose lease is open, or whose event is on its way to the ledger."""
    store, shard = client(), organization.shard
    opened: Any = store.hget(keys.lease(shard, str(request_id)), "e")
    if opened is None:
        ended = store.get(keys.tombstone(shard, str(request_id))) if not wanted else None
        if ended is None or _is_anothers(organization, request_id):
            return None
        return Told(
            request_id, UNDER_WAY, "Its call has ended; the ledger has it in a moment.", _came(request_id)
        )
    event = orjson.loads(opened)
    if event["organization_id"] != str(organization.pk) or not _open_to(event.get("key_id"), wanted):
        return None
    return Told(
        request_id=request_id,
        outcome=UNDER_WAY,
        message="It was admitted and is under way: the provider has not ended its answer yet.",
        at=_came(request_id),
        project=event.get("project"),
        key=event.get("key"),
        model=event.get("model"),
        endpoint=event.get("endpoint"),
    )


def _is_anothers(organization: Organization, request_id: UUID) -> bool:
    """Whether a call that has ended was another organization's of the shard: its tombstone names none."""
    with access.operator():
        event = Event.objects.filter(event_id=request_id).only("organization_id").first()
    if event is not None:
        return event.organization_id != organization.pk
    ended: Any = client().xrevrange(keys.stream(organization.shard), count=LATEST)
    name = str(request_id).encode()
    for _, fields in ended:
        if name in fields.get(b"e", b"") and fields.get(b"k") != b"refusal":
            return bool(orjson.loads(fields[b"e"])["organization_id"] != str(organization.pk))
    return False


def _noted(organization: Organization, request_id: UUID, wanted: dict[str, Any]) -> Told | None:
    found = refusals.find([(organization.shard, str(organization.pk))], request_id)
    if found is None or not _open_to(found[1].key_id, wanted):
        return None
    note = found[1]
    return Told(
        request_id=request_id,
        outcome=REFUSED,
        message=_refusal(note),
        at=from_us(note.at_us),
        project=note.project,
        key=note.key,
        model=note.model,
        endpoint=note.endpoint,
        code=note.code,
        status=note.status,
        limit=note.figures if "limit" in note.figures else {},
    )


def _refusal(note: Note) -> str:
    began = f"It was refused at {rfc3339(from_us(note.at_us))} and reached no provider."
    if note.code == Code.INVALID_API_KEY.value:
        return f"{began} {_of_key(note)}"
    if note.message is None:
        field = f" What is wrong is said of the field {note.param!r}." if note.param else ""
        return f"{began} The request itself was not acceptable ({note.code}): its answer says why.{field}"
    return f"{began} {note.message}"


def _of_key(note: Note) -> str:
    """The client hears the same of every bad key; whoever may ask here hears which it was."""
    key = ApiKey.objects.filter(pk=note.key_id).first()
    named = f"The key {note.project}/{note.key}"
    if key is not None and key.revoked_at is not None:
        return f"{named} was revoked at {rfc3339(key.revoked_at)}."
    if key is not None and key.expires_at is not None and key.expires_at <= from_us(note.at_us):
        return f"{named} expired at {rfc3339(key.expires_at)}."
    return f"{named} was not valid then: the secret that it came with had been replaced, or is no longer accepted."


def _dropped(organization: Organization, request_id: UUID, wanted: dict[str, Any]) -> Told | None:
    if wanted or reading.left_of(organization.pk, request_id) is None:
        return None
    words_ = "Its call was dropped when its retention was over. Its hash is kept, so that the chain can be followed."
    return Told(request_id, DROPPED, words_, _came(request_id))


def _counted(organization: Organization, request_id: UUID, wanted: dict[str, Any]) -> Told:
    found = reading.refused_around(organization.pk, request_id, wanted, MOST_COUNTS)
    if found is None:
        return Told(
            request_id,
            UNKNOWN,
            "It is none of the gateway's ids: they stand in the header x-orbit-request-id of every answer.",
        )
    moment, rows = found
    rows = [one for one in rows if not one.detail.get("shadow")]
    if not rows:
        return Told(
            request_id,
            UNKNOWN,
            f"A request with this id would have come at {rfc3339(moment)}. No call has it, no refusal of it is noted (single "
            "ones are kept for a day, and of a flood only some), and no limit refused anything around that minute.",
            moment,
        )
    many = sum(one.count or 0 for one in rows)
    by = sorted({f"{one.limit or one.code!r} ({one.project}/{one.key}, {one.count})" for one in rows})
    return Told(
        request_id,
        COUNTED,
        f"No call has this id, and no refusal of it is noted. Around that minute {many} request{'' if many == 1 else 's'} "
        f"of the organization were refused, by: {', '.join(by)}.",
        moment,
    )


def _came(request_id: UUID) -> datetime | None:
    return reading.came_at(request_id)


def _open_to(key_id: str | None, wanted: Mapping[str, Any]) -> bool:
    keys_ = wanted.get("key_id__in")
    return keys_ is None or key_id in {str(one) for one in keys_}
