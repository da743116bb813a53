"""Stored prompts and answers: read one call's, erase a subject's, destroy the keys of all."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from django.http import Http404
from rest_framework import serializers
from rest_framework.response import Response

from console.content import as_text, whole_answer
from tenants import services
from tenants.api.endpoint import OrganizationEndpoint
from tenants.api.fields import Strict, Text
from tenants.api.resources import Acting
from tenants.rights import Right

STATES = ("kept", "not_kept", "erased", "expired", "destroyed", "damaged")


class PartShown(serializers.Serializer[Any]):
    """One direction of the call, as it went over the wire."""

    part = serializers.CharField(source="name", help_text="`request` or `answer`")
    state = serializers.ChoiceField(STATES, help_text="`kept`, or why it is not there")
    bytes = serializers.IntegerField(source="size", help_text="of the whole")
    truncated = serializers.BooleanField(help_text="only the beginning was kept")
    content_type = serializers.CharField()
    text = serializers.SerializerMethodField(help_text="what was kept, where it is text")
    base64 = serializers.SerializerMethodField(help_text="what was kept, where it is none")
    answer = serializers.SerializerMethodField(help_text="of a stream: the answer put together")
    matches = serializers.BooleanField(
        allow_null=True,
        help_text="whether it is what the ledger has the digest of; null: only a part was kept",
    )

    def get_text(self, part: services.ReadPart) -> str | None:
        return as_text(part) if part.state == "kept" else None

    def get_base64(self, part: services.ReadPart) -> str | None:
        if part.state != "kept" or as_text(part) is not None:
            return None
        return b64encode(part.content).decode()

    def get_answer(self, part: services.ReadPart) -> dict[str, Any] | None:
        return whole_answer(part)


class ContentShown(serializers.Serializer[Any]):
    """What is stored of a call."""

    event_id = serializers.UUIDField()
    mode = serializers.CharField(
        allow_null=True, help_text="`redacted` or `full`; null: its policy had nothing stored"
    )
    until = serializers.CharField(allow_null=True, help_text="when it is deleted")
    parts = PartShown(many=True)
    act = serializers.UUIDField(
        allow_null=True, help_text="the event of this reading; null: there was nothing to read"
    )


class CallContent(OrganizationEndpoint):
    """What a call said and was answered, where its policy has that stored. Each reading is an act in the ledger, `content.read`."""

    scopes = {"GET": Right.CONTENTS_READ}
    shown = ContentShown

    def get(self) -> Response:
        found = services.read_content(**self.where, event_id=self.kwargs["call"])
        if found is None:
            raise Http404
        return Response(ContentShown(found).data)


class Erasing(Strict):
    end_user = Text(required=False, max_length=256, help_text="as clients name whom they call for")
    key = serializers.UUIDField(required=False, help_text="a key's id")
    call = serializers.UUIDField(required=False, help_text="a call's id")
    reason = Text(max_length=200, help_text="stands in the ledger")


class Erased(serializers.Serializer[Any]):
    calls = serializers.IntegerField(help_text="of how many calls there was something")


class EraseContents(Acting):
    """Erases the stored prompts and answers of one end user, key or call, up to now. What calls are still bringing is
    erased when it comes. The events stay."""

    scopes = {"POST": Right.CONTENTS_ERASE}
    body, shown = Erasing, Erased

    def create(self, wanted: dict[str, Any]) -> dict[str, int]:
        subject = services.Subject(wanted.get("end_user"), wanted.get("key"), wanted.get("call"))
        return {"calls": services.erase_contents(**self.where, subject=subject, reason=wanted["reason"])}


class Destroying(Strict):
    confirm = Text(max_length=63, help_text="the organization's slug")
    reason = Text(max_length=200, help_text="stands in the ledger")


class Destroyed(serializers.Serializer[Any]):
    generations = serializers.IntegerField(help_text="how many data keys were destroyed")


class DestroyContents(Acting):
    """Destroys the organization's data keys: nothing that is stored can be read any more, by anybody."""

    scopes = {"POST": Right.CONTENTS_DESTROY}
    body, shown = Destroying, Destroyed

    def create(self, wanted: dict[str, Any]) -> dict[str, int]:
        return {"generations": services.destroy_data_keys(**self.where, **wanted)}
