"""The ledger: calls, and everything that happened."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.response import Response

from audit import reading
from audit.events import COLUMNS, INTEGERS, TIMES, UUIDS, exported
from audit.exports.selection import Selection
from audit.models import Event
from console.dashboard import DROPPED, corrections, one_call
from orbit.lib import money
from quotas.reports import keys_named
from tenants.api.endpoint import OrganizationEndpoint
from tenants.api.fields import Moment, Text
from tenants.api.paging import Paged, encoded, following
from tenants.api.resources import Listing, Showing
from tenants.rights import Right

STATUSES = ("settled", "provider_failed", "client_gone", "lease_expired")
INSIDE = {"shard", "shard_seq", "detail"}  # of the table alone
LINKS = {"prev_hash", "hash"}


def _kind(name: str) -> serializers.Field[Any, Any, Any, Any]:
    if name in UUIDS:
        return serializers.UUIDField(required=False)
    if name in INTEGERS or name == "seq":
        return serializers.IntegerField(required=False)
    if name in TIMES:
        return serializers.DateTimeField(required=False)
    return (
        serializers.BooleanField(required=False)
        if name == "stream"
        else serializers.CharField(required=False)
    )


class EventShown(serializers.Serializer[Any]):
    """As docs/events.md says. What is absent is not known, never zero; there may be more than is listed here."""

    def get_fields(self) -> dict[str, Any]:
        return {name: _kind(name) for name in COLUMNS if name not in INSIDE} | super().get_fields()

    def to_representation(self, instance: Event) -> Any:
        return exported({name: getattr(instance, name) for name in COLUMNS})


class CallShown(EventShown):
    """A call without what takes space: attempts, reservation, tags, places in the chain."""

    cost = serializers.CharField(required=False, help_text="`cost_nano` as a decimal number")

    def get_fields(self) -> dict[str, Any]:
        return {name: field for name, field in super().get_fields().items() if name not in LINKS}

    def to_representation(self, instance: Event) -> Any:
        told = exported(
            {name: getattr(instance, name) for name in COLUMNS if name != "detail"} | {"detail": {}}
        )
        return _priced({name: value for name, value in told.items() if name not in LINKS})


class CallInFullShown(EventShown):
    """A call with everything that is known of it, and what became known later."""

    cost = serializers.CharField(
        required=False, help_text="`cost_nano` as a decimal number, before corrections"
    )
    attempts = serializers.ListField(child=serializers.DictField(), help_text="every try with a provider")
    corrections = EventShown(many=True, help_text="differences that came later, the first first")

    def to_representation(self, instance: Event) -> Any:
        told = {"attempts": [], **super().to_representation(instance)}
        later = corrections(instance.organization_id, instance)
        return _priced(told) | {"corrections": EventShown(later, many=True).data}


def _priced(told: dict[str, Any]) -> dict[str, Any]:
    return told | {"cost": money.amount(told["cost_nano"])} if "cost_nano" in told else told


class DroppedShown(serializers.Serializer[Any]):
    """Events of one month that were dropped when their retention was over."""

    month = serializers.DateField()
    retention_days = serializers.IntegerField(source="retention")
    events = serializers.IntegerField()
    first_seq = serializers.IntegerField()
    last_seq = serializers.IntegerField()
    dropped_at = serializers.DateTimeField()


class LedgerAsked(Paged):
    since = Moment(required=False, help_text="admitted at or after")
    until = Moment(required=False, help_text="admitted before")


class CallsAsked(LedgerAsked):
    project = Text(required=False, max_length=63)
    key = Text(required=False, max_length=127, help_text="PROJECT/NAME or its id")
    model = Text(required=False, max_length=120)
    account = Text(required=False, max_length=63)
    status = serializers.ChoiceField(STATUSES, required=False)
    code = Text(required=False, max_length=40)
    end_user = Text(required=False, max_length=256)
    request_id = serializers.UUIDField(required=False, help_text="the `x-orbit-request-id` of its answer")


class _Ledger(Listing, OrganizationEndpoint):
    """A page of the ledger by sequence."""

    def get(self) -> Response:
        asked = self.asked()
        newest_first = asked.get("order", "newest") == "newest"
        rows = following(self.rows(asked), "-seq" if newest_first else "seq", asked)
        found, last = reading.stretch(
            rows, self.wanted(asked), limit=asked["limit"], newest_first=newest_first
        )
        assert self.shown is not None
        cursor = encoded(last) if last is not None else None
        told = {"data": self.shown(found, many=True).data, "next_cursor": cursor}
        gone = reading.dropped(self.organization.pk, asked.get("since"), asked.get("until"))
        return Response(told | ({"dropped": DroppedShown(gone, many=True).data} if gone else {}))

    def rows(self, asked: dict[str, Any]) -> QuerySet[Event]:
        """What an index finds."""
        times = {"since": "admitted_at__gte", "until": "admitted_at__lt"}
        return Event.objects.filter(**{times[name]: asked[name] for name in times if name in asked})

    @abstractmethod
    def wanted(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What is asked of each of them."""


class Calls(_Ledger):
    """The organization's calls, the newest first by `seq`. A page looks through 20,000 entries at most.

    Therefore a page may have fewer calls than `limit`, even none: the last is the one whose `next_cursor` is null.
    """

    scopes = {"GET": Right.CALLS_READ}
    shown, filters = CallShown, CallsAsked

    def rows(self, asked: dict[str, Any]) -> QuerySet[Event]:
        rows = super().rows(asked).defer("detail")
        return rows.filter(event_id=asked["request_id"]) if "request_id" in asked else rows

    def wanted(self, asked: dict[str, Any]) -> dict[str, Any]:
        names = ("project", "model", "account", "status", "code", "end_user")
        found = {name: asked[name] for name in names if name in asked}
        if "key" in asked:
            found["key_id__in"] = keys_named(asked["key"])
        return {"kind": Event.Kind.CALL, **found}


class CallItem(Showing):
    """One call in full, by the `x-orbit-request-id` of its answer, which is its `event_id`."""

    scopes = {"GET": Right.CALLS_READ}
    shown = CallInFullShown

    def find(self) -> Event | None:
        found = one_call(self.organization.pk, self.kwargs["call"])
        if found is None and reading.left_of(self.organization.pk, self.kwargs["call"]) is not None:
            raise NotFound(DROPPED)
        return found


class EventsAsked(LedgerAsked):
    kind = serializers.ChoiceField(Event.Kind.choices, required=False, help_text="default: every one")
    actor = Text(required=False, max_length=254, help_text="of acts: who")
    action = Text(required=False, max_length=80, help_text="of acts: what, such as `key.issue`")
    target = Text(required=False, max_length=300, help_text="of acts: how the name of what begins")
    request_id = serializers.UUIDField(required=False, help_text="of one call and its corrections")
    order = serializers.ChoiceField(["newest", "oldest"], default="newest")


class Events(_Ledger):
    """Every entry of the organization's ledger with its place in the chain, the newest first by `seq`.

    Calls, corrections, adjustments and refusals take the scope `calls.read` besides; without it, ask for `kind=act`. `actor`,
    `action` and `target` find acts alone. A page looks through 20,000 entries at most, and may have fewer than `limit`, even none: the last is
    the one whose `next_cursor` is null.
    """

    scopes = {"GET": Right.LEDGER_READ}
    shown, filters = EventShown, EventsAsked

    def rows(self, asked: dict[str, Any]) -> QuerySet[Event]:
        selection = Selection.of(asked)
        if selection.has_calls and Right.CALLS_READ not in self.caller.scopes:
            raise PermissionDenied("Calls take the scope calls.read besides. Ask for kind=act.")
        return selection.rows()

    def wanted(self, asked: dict[str, Any]) -> dict[str, Any]:
        return Selection.of(asked).wanted()
