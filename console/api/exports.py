"""Parts of the ledger as files: small ones at once, large ones made in the background."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.exports.formats import FORMATS
from audit.exports.models import Export
from audit.exports.selection import Selection
from audit.models import Event
from console import streaming
from tenants import services
from tenants.api.endpoint import OrganizationEndpoint
from tenants.api.fields import Flag, Moment, Strict, Text, Whole
from tenants.api.resources import ActingOn, Creating, Listing, Removing
from tenants.rights import Right

PROVABLE = "all between the checkpoints around these events, so that a verifier can go over them"


class Selecting(Strict):
    """Which events; as the list of events has it."""

    kind = serializers.ChoiceField(Event.Kind.choices, required=False, help_text="default: every one")
    since = Moment(required=False, help_text="admitted at or after")
    until = Moment(required=False, help_text="admitted before")
    actor = Text(required=False, max_length=254, help_text="of acts: who")
    action = Text(required=False, max_length=80, help_text="of acts: what, such as `key.issue`")
    target = Text(required=False, max_length=300, help_text="of acts: how the name of what begins")
    request_id = serializers.UUIDField(required=False, help_text="of one call and its corrections")
    provable = Flag(default=False, help_text=PROVABLE)
    format = serializers.ChoiceField(list(FORMATS), default="jsonl")


class ExportShown(serializers.Serializer[Any]):
    """A file of the ledger. `events`, `size` (bytes) and `percent` grow while it is made."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(Export.State.choices)
    percent = serializers.IntegerField()
    problem = serializers.CharField(help_text="why it failed")
    format = serializers.ChoiceField(list(FORMATS))
    asked = serializers.DictField(help_text="which events")
    asked_by = serializers.CharField()
    events = serializers.IntegerField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField(help_text="of the file, when it is made")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(help_text="when it is deleted")


class Linking(Strict):
    minutes = Whole(default=60, min_value=1, max_value=services.ledger_exports.MOST_MINUTES)


class LinkShown(serializers.Serializer[Any]):
    url = serializers.CharField(help_text="opens without a credential")
    expires_at = serializers.DateTimeField()


class EventsExport(OrganizationEndpoint):
    """Events as a file, at once: by sequence, as `manage.py ledger export` writes them. An act, `export.stream`, says that it was read.

    Of at most 50,000 entries to look through; for more, have a file made by `POST …/exports`. All but acts take the scope `calls.read`
    besides.
    """

    scopes = {"GET": Right.LEDGER_READ}
    filters = Selecting
    files = sorted({one.content_type for one in FORMATS.values()})

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """What it answers, `format` says."""
        return super().perform_content_negotiation(request, force=True)

    def handled(self, request: Request) -> Response:
        """Without an ETag: it is not whole before it is sent."""
        return self.get()

    def get(self) -> Response:
        asked = self.asked()
        form, selection = FORMATS[asked["format"]], Selection.of(asked)
        services.note_stream(**self.where, form=form.ending, selection=selection)
        steps = streaming.events(self.organization.pk, form.ending, selection)
        name = f"{self.organization.slug}-events-{timezone.now():%Y%m%d-%H%M%S}.{form.ending}"
        return streaming.attachment(name, form.content_type, steps)  # type: ignore[return-value]  # DRF takes any


class Exports(Creating, Listing):
    """Files of the ledger that are made in the background, the newest first. A file is kept for `ORBIT_EXPORT_DAYS` days.

    Files that hold more than acts take the scope `calls.read` besides; without it they are not listed.
    """

    scopes = {"GET": Right.LEDGER_READ, "POST": Right.LEDGER_READ}
    body, shown = Selecting, ExportShown

    def rows(self, asked: dict[str, Any]) -> QuerySet[Export]:
        return services.visible_exports(self.caller.rights).order_by()

    def create(self, wanted: dict[str, Any]) -> Export:
        made = services.request_export(**self.where, form=wanted["format"], selection=Selection.of(wanted))
        made.refresh_from_db()
        return made


class ExportItem(Removing):
    """One of them, with how far it is. DELETE also stops one that is being made."""

    scopes = {"GET": Right.LEDGER_READ, "DELETE": Right.LEDGER_READ}
    shown = ExportShown

    def find(self) -> Export | None:
        return services.visible_exports(self.caller.rights).filter(pk=self.kwargs["export"]).first()

    def remove(self) -> None:
        services.delete_export(**self.where, export_id=self.kwargs["export"])


class ExportLink(ActingOn):
    """A link that fetches the file, without a credential, for some minutes (60, at most a day). Whoever has it has the file.

    That it was made is an act, and each download another.
    """

    scopes = {"POST": Right.LEDGER_READ}
    body, shown, created = Linking, ExportShown, LinkShown

    def find(self) -> Export | None:
        return services.visible_exports(self.caller.rights).filter(pk=self.kwargs["export"]).first()

    def act(self, wanted: dict[str, Any]) -> dict[str, Any]:
        link = services.link_export(**self.where, export_id=self.kwargs["export"], **wanted)
        if link is None:
            raise Http404
        return {"url": address(link), "expires_at": link.expires_at}


def address(link: services.Link) -> str:
    return f"{settings.ORBIT_PUBLIC_URL}{reverse('ledger_file', args=[link.token])}"
