"""What every endpoint of the management API shares: who may, in which organization, and how it answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, cast

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import exceptions
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from orbit.lib import access, logs
from orbit.lib.ids import uuid7
from tenants.api import etags, idempotency, problems
from tenants.api.authentication import BearerAuthentication
from tenants.api.fields import Strict
from tenants.api.parsing import StrictJSON, checked_query
from tenants.api.schema import EndpointSchema
from tenants.api.throttles import CallerThrottle
from tenants.callers import Caller
from tenants.models import Organization
from tenants.rights import Scope

REQUEST_ID = "X-Request-Id"


class HasScope(BasePermission):
    """The credential must open what the endpoint declares for the method."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.user, Caller):
            raise exceptions.NotAuthenticated
        scope = cast("Endpoint", view).scopes[request.method or ""]
        if scope is not None and scope not in request.user.scopes:
            raise exceptions.PermissionDenied(f"This takes the scope {scope}, which the credential lacks.")
        return True


class Endpoint(APIView):
    """One path. `scopes` says for each method what it takes; None: only a valid credential.

    `body`, `shown` and `filters` describe what is sent and what is asked for; the OpenAPI description is made of them.
    """

    authentication_classes = [BearerAuthentication]
    permission_classes = [HasScope]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJSON]
    renderer_classes = [JSONRenderer]
    schema = EndpointSchema()

    scopes: ClassVar[Mapping[str, Scope | None]] = {}
    body: ClassVar[type[Serializer[Any]] | None] = None
    shown: ClassVar[type[Serializer[Any]] | None] = None
    filters: ClassVar[type[Serializer[Any]]] = Strict
    files: ClassVar[Sequence[str]] = ()  # content types, where GET answers with a file

    request_id: str

    @property
    def caller(self) -> Caller:
        return cast("Caller", self.request.user)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """DRF's, with the handler inside the scope: what it raises undoes what it did."""
        self.args, self.kwargs, self.request_id = args, kwargs, str(uuid7())
        logs.renamed(self.request_id)
        if request.method == "HEAD":
            request.method = "GET"  # the server leaves the body out
        self.request = asked = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        try:
            self.initial(asked, *args, **kwargs)
            with self.entered():
                response = self.handled(asked)
        except Exception as error:
            response = self.handle_exception(error)
        self.response = self.finalize_response(asked, response, *args, **kwargs)
        self.response[REQUEST_ID] = self.request_id
        self.response["Cache-Control"] = "no-store"
        return self.response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method not in self.scopes and request.method != "OPTIONS":
            self.perform_authentication(request)
            raise exceptions.MethodNotAllowed(request.method or "")
        super().initial(request, *args, **kwargs)

    @contextmanager
    def entered(self) -> Iterator[None]:
        yield

    def handled(self, request: Request) -> Response:
        """The method's own answer, its checks before and its marks after included."""
        handler = getattr(self, (request.method or "").lower())
        if request.method in ("GET", "HEAD"):
            return etags.marked(request, handler())
        return cast("Response", handler())

    def options(self, *args: Any, **kwargs: Any) -> Response:
        return Response(status=204, headers={"Allow": ", ".join(self.allowed_methods)})

    @property
    def allowed_methods(self) -> list[str]:
        return sorted(self.scopes)

    def handle_exception(self, error: Exception) -> Response:
        return problems.answer(error, self.request_id)

    def asked(self) -> dict[str, Any]:
        """What the query asks for."""
        return checked_query(self.filters, self.request)


class OrganizationEndpoint(Endpoint):
    """A path below /organizations/{organization}/. It runs in that organization's scope, and transaction.

    One that does not exist and one that the credential is not of get the same answer.
    """

    organization: Organization

    @contextmanager
    def entered(self) -> Iterator[None]:
        organization = _found(self.caller, self.kwargs["organization"])
        logs.belongs(organization.pk)
        with access.scope(organization_id=organization.pk):
            self.organization = organization
            yield

    def handled(self, request: Request) -> Response:
        if request.method in ("PUT", "PATCH", "DELETE"):
            etags.check(request, self.lock, self.current)
        if request.method == "POST":
            return idempotency.once(
                request, self.caller, lambda: super(OrganizationEndpoint, self).handled(request)
            )
        return super().handled(request)

    def current(self) -> Any:
        """What GET would show now; None when there is nothing yet."""
        return None

    def lock(self) -> None:
        """Nobody else changes anything of the organization until this is done."""
        Organization.objects.select_for_update(no_key=True).get()

    @property
    def where(self) -> dict[str, Any]:
        """What every service of an organization is given."""
        return {"organization_id": self.organization.pk, "actor": self.caller}


def _found(caller: Caller, slug: str) -> Organization:
    with access.operator():
        wanted = Organization.objects.filter(slug=slug, purged_at=None)
        if caller.organization_id is not None:
            wanted = wanted.filter(pk=caller.organization_id)
        organization = wanted.first()
    if organization is None:
        raise Http404
    return organization
