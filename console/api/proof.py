"""What proves an event, and the keys that checkpoints are signed with."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from audit.checkpoints.keys import pem
from audit.models import CheckpointKey, Event
from audit.proof import Proof, prove
from tenants.api.endpoint import Endpoint
from tenants.api.resources import Showing
from tenants.rights import Right


class ProofPlaceShown(serializers.Serializer[Any]):
    seq = serializers.IntegerField()
    event_id = serializers.UUIDField()
    hash = serializers.CharField()


class ProofStepShown(serializers.Serializer[Any]):
    what = serializers.CharField()
    holds = serializers.BooleanField(allow_null=True, help_text="null: there were too many events to go over")


class CoveringShown(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    at = serializers.DateTimeField()
    key = serializers.CharField(help_text="the public key; have it by another way, too")
    body = serializers.DictField(help_text="what is signed, behind the line orbit-checkpoint-v1")
    signature = serializers.CharField()
    head = serializers.DictField(help_text="how far the organization's ledger had come")
    proof = serializers.DictField(help_text="the hashes beside the head's way up to the signed root")


class ProofShown(serializers.Serializer[Any]):
    event_id = serializers.UUIDField()
    seq = serializers.IntegerField()
    hash = serializers.CharField()
    computed = serializers.CharField(help_text="the hash, made anew of what is stored")
    holds = serializers.BooleanField(help_text="no step fails")
    before = ProofPlaceShown(allow_null=True)
    after = ProofPlaceShown(allow_null=True)
    checkpoint = CoveringShown(allow_null=True, help_text="null: not signed yet")
    steps = ProofStepShown(many=True)


class EventProof(Showing):
    """One event's place in the chain: its hash made anew, its neighbours, and the signed checkpoint that covers it.

    It says nothing of what the event is about, so it takes no further scope for calls.
    """

    scopes = {"GET": Right.LEDGER_READ}
    shown = ProofShown

    def find(self) -> Proof | None:
        event = Event.objects.filter(pk=self.kwargs["event"]).first()
        return prove(event) if event else None


class PublicKeyShown(serializers.Serializer[Any]):
    key = serializers.CharField()
    pem = serializers.CharField()
    first_checkpoint = serializers.IntegerField()
    since = serializers.DateTimeField()


class PublicKeysShown(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, Any]:
        return {"data": PublicKeyShown(many=True)}  # a serializer has an attribute of that name


class PublicKeys(Endpoint):
    """The keys that checkpoints of the ledger are signed with, the newest first, as the database tells them.

    Auditors compare them with what they have by another way.
    """

    scopes = {"GET": None}
    shown = PublicKeysShown

    def get(self) -> Response:
        found = [
            {"key": row.public, "pem": pem(row.public), "first_checkpoint": row.first, "since": row.since}
            for row in CheckpointKey.objects.order_by("-first", "-since")
        ]
        return Response(PublicKeysShown({"data": found}).data)
