"""Who has signed up in the installation, for its operators."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from rest_framework import serializers
from rest_framework.response import Response

from tenants.api.endpoint import Endpoint
from tenants.api.fields import Flag, Text
from tenants.api.paging import Paged
from tenants.api.resources import Listing
from tenants.models import Person
from tenants.people import approve, waiting
from tenants.rights import OperatorRight


class PersonShown(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    email = serializers.CharField()
    name = serializers.CharField()
    is_active = serializers.BooleanField()
    is_operator = serializers.BooleanField(source="is_staff")
    date_joined = serializers.DateTimeField()
    approved_at = serializers.DateTimeField(allow_null=True, help_text="null: they wait")
    approved_by = serializers.CharField(help_text="empty where nobody had to")


class PeopleAsked(Paged):
    waiting = Flag(
        required=False, default=False, help_text="only who has confirmed an address and waits to be let in"
    )
    email = Text(required=False, max_length=254)


class People(Listing):
    """Everybody who can sign in, or waits to be let in; the newest first."""

    scopes = {"GET": OperatorRight.PEOPLE_READ}
    shown, filters = PersonShown, PeopleAsked

    def rows(self, asked: dict[str, Any]) -> QuerySet[Person]:
        rows = waiting() if asked["waiting"] else Person.objects.all()
        return rows.filter(email=asked["email"].lower()) if "email" in asked else rows


class ApprovePerson(Endpoint):
    """Lets somebody in from their next request on. Who was let in before stays so."""

    scopes = {"POST": OperatorRight.PEOPLE_APPROVE}
    shown, created, status = PersonShown, None, 200

    def post(self) -> Response:
        person = Person.objects.filter(pk=self.kwargs["person"]).first()
        if person is None:
            raise Http404
        approve(person, actor=self.caller.name)
        person.refresh_from_db()
        return Response(PersonShown(person).data)
