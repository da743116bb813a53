"""What endpoints are made of: a list, a creation, one thing that is read, put, changed or removed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import Http404
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from tenants.api.endpoint import Endpoint, OrganizationEndpoint
from tenants.api.paging import Paged, page
from tenants.api.parsing import checked_body


class Listing(Endpoint, ABC):
    """GET: the rows that the query asks for, a page at a time."""

    filters: ClassVar[type[Serializer[Any]]] = Paged
    ordering: ClassVar[str] = "-id"

    def get(self) -> Response:
        asked = self.asked()
        assert self.shown is not None
        return page(self.rows(asked), self.ordering, asked, self.shown)

    @abstractmethod
    def rows(self, asked: dict[str, Any]) -> QuerySet[Any]:
        """Of the query, not yet cut into pages."""


class Finding(OrganizationEndpoint, ABC):
    """One thing. `find` answers None for what there is not."""

    @abstractmethod
    def find(self) -> Any:
        """The thing as the service gives it."""

    def found_shown(self) -> Any:
        found = self.find()
        if found is None:
            raise Http404
        return self.as_shown(found)

    def as_shown(self, found: Any) -> Any:
        assert self.shown is not None
        return self.shown(found).data

    def current(self) -> Any:
        found = self.find()
        return None if found is None else self.as_shown(found)


class Showing(Finding):
    """GET: the thing."""

    def get(self) -> Response:
        return Response(self.found_shown())


class Putting(Showing):
    """PUT: makes it be as the body says. 201 when there was none."""

    def put(self) -> Response:
        assert self.body is not None
        created = self.save(checked_body(self.body, self.request))
        return Response(self.found_shown(), status=201 if created else 200)

    @abstractmethod
    def save(self, wanted: dict[str, Any]) -> bool:
        """Whether there was none."""


class Changing(Showing):
    """PATCH: sets what the body names and leaves the rest."""

    def patch(self) -> Response:
        assert self.body is not None
        self.lock()  # so that what is not named stays as it is, not as it was
        self.found_shown()
        self.change(checked_body(self.body, self.request))
        return Response(self.found_shown())

    @abstractmethod
    def change(self, wanted: dict[str, Any]) -> None:
        """What `wanted` names."""


class Removing(Showing):
    """DELETE: 204, or 404 when there is none."""

    def delete(self) -> Response:
        self.found_shown()
        self.remove()
        return Response(status=204)

    @abstractmethod
    def remove(self) -> None:
        """Ends it."""


class Creating(OrganizationEndpoint, ABC):
    """POST to a list: 201 and what was made."""

    created: ClassVar[type[Serializer[Any]] | None] = None  # where it says more than the list does
    status: ClassVar[int] = 201

    def post(self) -> Response:
        made = self.create(checked_body(self.body, self.request) if self.body else {})
        kind = self.created or self.shown
        return Response(kind(made).data if kind else None, status=self.status if kind else 204)

    @abstractmethod
    def create(self, wanted: dict[str, Any]) -> Any:
        """What was made."""


class Acting(Creating):
    """POST to a verb: 200 and what came of it."""

    status: ClassVar[int] = 200


class ActingOn(Finding):
    """POST to a verb of one thing: 200 and what became of it. `act` may answer what is shown instead."""

    created: ClassVar[type[Serializer[Any]] | None] = None
    status: ClassVar[int] = 200

    def post(self) -> Response:
        self.found_shown()
        made = self.act(checked_body(self.body, self.request) if self.body else {})
        if self.created is None:
            return Response(self.found_shown(), status=self.status)
        return Response(self.created(made).data, status=self.status)

    @abstractmethod
    def act(self, wanted: dict[str, Any]) -> Any:
        """What became of it."""
