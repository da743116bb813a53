"""Idempotency keys."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from django.db import connections
from django.db.models import F

from orbit.lib import access
from tenants.models import ApiKey, IdempotentAnswer, Organization
from tenants.tasks import forget_answers
from tests.tenants.api.conftest import Caller


def _issue(admin: Caller, slug: str, name: str, once: str) -> Any:
    body = {"project": "bot", "name": name}
    return admin("POST", f"organizations/{slug}/keys", body, Idempotency_Key=once)


def test_a_repeated_creation_happens_once(admin: Caller, key: ApiKey, slug: str) -> None:
    first, second = (_issue(admin, slug, "new", "a") for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert second["Idempotency-Replayed"] == "true"
    assert first.json() == second.json()
    assert len(admin("GET", f"organizations/{slug}/keys").json()["data"]) == 2


def test_another_request_under_the_same_key_is_refused(admin: Caller, key: ApiKey, slug: str) -> None:
    _issue(admin, slug, "new", "a")
    answer = _issue(admin, slug, "newer", "a")
    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency_key_reused"


def test_a_creation_that_failed_is_not_remembered(admin: Caller, key: ApiKey, slug: str) -> None:
    assert _issue(admin, slug, key.name, "a").status_code == 400
    assert _issue(admin, slug, "new", "a").status_code == 201


def test_callers_do_not_share_keys(admin: Caller, operator: Caller, key: ApiKey, slug: str) -> None:
    assert _issue(admin, slug, "new", "a").status_code == 201
    assert _issue(operator, slug, "newer", "a").status_code == 201


def test_the_answer_is_kept_sealed_and_for_a_day(
    admin: Caller, key: ApiKey, organization: Organization, slug: str
) -> None:
    secret = _issue(admin, slug, "new", "a").json()["secret"]
    with access.scope(organization_id=organization.pk):
        row = IdempotentAnswer.objects.get()
        assert secret.encode() not in bytes(row.sealed)
        IdempotentAnswer.objects.update(created_at=F("created_at") - timedelta(hours=25))
    assert _issue(admin, slug, "new", "a").status_code == 400  # the name is taken


def test_old_answers_are_deleted(admin: Caller, key: ApiKey, organization: Organization, slug: str) -> None:
    for name in ("old", "new"):
        _issue(admin, slug, name, name)
    with access.scope(organization_id=organization.pk):
        old = IdempotentAnswer.objects.filter(key="old")
        old.update(created_at=F("created_at") - timedelta(hours=25))
    assert forget_answers() >= 1
    with access.scope(organization_id=organization.pk):
        assert [row.key for row in IdempotentAnswer.objects.all()] == ["new"]


def test_those_at_once_happen_once(admin: Caller, key: ApiKey, slug: str) -> None:
    def issue(_: int) -> Any:
        try:
            return _issue(admin, slug, "new", "a")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(issue, range(6)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["secret"] for answer in answers}) == 1
    assert len(admin("GET", f"organizations/{slug}/keys").json()["data"]) == 2


def test_a_key_that_is_none_is_refused(admin: Caller, key: ApiKey, slug: str) -> None:
    for bad in ("", "x" * 256):
        answer = _issue(admin, slug, "new", bad)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
