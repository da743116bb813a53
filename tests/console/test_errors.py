from __future__ import annotations

import socket
from typing import Any

import pytest
from django.test import Client, RequestFactory

from console import dashboard, errors
from tenants.models import Person
from tests.console.conftest import Tenant


def test_failure_shows_no_detail_and_keeps_nothing(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        Person.objects.filter(pk=tenant.owner.pk).update(name="half-done")
        raise RuntimeError("canary-of-the-failure")

    client = tenant.client()
    client.raise_request_exception = False
    monkeypatch.setattr(dashboard, "latest_calls", fail)
    answer = client.get(tenant.path)
    page = answer.content.decode()
    assert answer.status_code == 500
    assert "Something went wrong on our side" in page
    assert "canary" not in page
    assert "RuntimeError" not in page
    assert Person.objects.get(pk=tenant.owner.pk).name == ""


def test_forged_form_is_refused_in_our_look() -> None:
    answer = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "a@example.org"})
    assert answer.status_code == 403
    assert "This form has expired" in answer.content.decode()


def test_pages_for_refused_and_senseless_requests() -> None:
    request = RequestFactory().get("/")
    for answer, status in (
        (errors.bad_request(request, Exception("canary")), 400),
        (errors.permission_denied(request, Exception("canary")), 403),
    ):
        assert answer.status_code == status
        assert b"canary" not in answer.content


def test_unknown_host_is_refused() -> None:
    assert Client().get("/accounts/login/", headers={"Host": "evil.example"}).status_code == 400


def test_sign_in_says_that_a_store_is_away(settings: Any) -> None:
    with socket.socket() as closed:  # bound and not listening: who connects is refused
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        settings.CACHES = {
            "default": settings.CACHES["default"] | {"LOCATION": f"redis://127.0.0.1:{port}/0"}
        }
        client = Client(raise_request_exception=False)
        answer = client.post("/accounts/login/", {"login": "a@example.org", "password": "wrong"})
    page = answer.content.decode()
    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"
    assert "Try again in a few seconds" in page
    assert str(port) not in page
