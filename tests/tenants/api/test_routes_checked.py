"""`manage.py check` refuses a path of the management API that does not say who may call it."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import Tags, run_checks
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from rest_framework.response import Response
from rest_framework.views import APIView

from tenants.api.endpoint import Endpoint
from tenants.api.inventory import routes
from tenants.rights import Right


class Good(Endpoint):
    scopes = {"GET": Right.KEYS_READ}

    def get(self) -> Response:
        return Response()


class Undeclared(Good):
    def post(self) -> Response:
        return Response()


class Unanswered(Good):
    scopes = {"GET": Right.KEYS_READ, "PUT": Right.KEYS_WRITE}


class Nobodys(Good):
    scopes = {"GET": None}


class WrittenWithoutScope(Undeclared):
    scopes = {"GET": Right.KEYS_READ, "POST": None}


class Invented(Good):
    scopes = {"GET": "keys.peek"}  # type: ignore[dict-item]


class Foreign(APIView):
    pass


def function(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def found(settings: Any, view: Any, name: str = "things/<slug:thing>") -> list[tuple[str | None, str]]:
    settings.ROOT_URLCONF = (path("api/v1/", include([path(name, view)])),)
    return [(one.id, one.msg) for one in run_checks(tags=[Tags.urls]) if str(one.id).startswith("tenants.")]


def test_our_own_are_declared() -> None:
    assert [one for one in run_checks(tags=[Tags.urls]) if str(one.id).startswith("tenants.")] == []
    assert len(list(routes())) >= 25


@pytest.mark.parametrize(
    ("view", "number", "words"),
    [
        (Undeclared, "tenants.E022", "answers POST and declares no scope"),
        (Unanswered, "tenants.E022", "declares a scope for PUT"),
        (WrittenWithoutScope, "tenants.E022", "takes no scope for POST"),
        (Invented, "tenants.E022", "is no scope"),
        (Foreign, "tenants.E021", "is no Endpoint"),
    ],
)
def test_a_faulty_declaration_is_an_error(settings: Any, view: Any, number: str, words: str) -> None:
    said = found(settings, view.as_view())
    assert [one for one, _ in said] == [number]
    assert said[0][1].startswith("/api/v1/things/<slug:thing> ")
    assert words in said[0][1]


def test_a_function_is_an_error_but_for_what_is_open(settings: Any) -> None:
    assert [one for one, _ in found(settings, function)] == ["tenants.E021"]
    assert found(settings, function, "schema") == []
    assert found(settings, Good.as_view()) == []


def test_with_any_credential_one_reads_only_what_is_nobodys(settings: Any) -> None:
    assert found(settings, Nobodys.as_view(), "catalogue") == []
    said = found(settings, Nobodys.as_view(), "organizations/<slug:organization>/things")
    assert [one for one, _ in said] == ["tenants.E022"]
