"""Questions that the database is kept at for too long end with words, and leave nothing behind on the connection."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest
from django.db import connections, transaction
from django.test import Client

from console import dashboard
from orbit.lib import access
from tests.console.conftest import Tenant


def _sleep(*_: Any, **__: Any) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_sleep(20)")


def _timeout(alias: str) -> str:
    with connections[alias].cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        found: str = cursor.fetchone()[0]
    return found


def test_page_says_that_it_took_too_long(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.ORBIT_QUERY_MS = 200
    monkeypatch.setattr(dashboard, "latest_calls", _sleep)
    client = tenant.client()
    client.raise_request_exception = False
    answer = client.get(tenant.path)
    assert answer.status_code == 503
    assert "That took too long" in answer.content.decode()
    assert "pg_sleep" not in answer.content.decode()
    monkeypatch.undo()
    assert client.get(tenant.path).status_code == 200


def test_limit_holds_in_and_outside_of_transactions_and_not_after_the_request() -> None:
    with access.statements_within(1_234):
        assert _timeout("default") == _timeout("operator") == "1234ms"
        with access.scope(person_id=1):
            assert _timeout("default") == "1234ms"
    assert _timeout("default") == _timeout("operator") == "0"


def test_limit_that_was_told_in_a_transaction_is_gone_with_it() -> None:
    with access.statements_within(1_234), access.scope(person_id=1):
        assert _timeout("default") == "1234ms"
    assert _timeout("default") == "0"


def test_zero_is_without_limit() -> None:
    with access.statements_within(0):
        assert _timeout("default") == "0"


def test_limit_outlives_a_transaction_that_is_rolled_back() -> None:
    with access.statements_within(1_234):
        with access.scope(person_id=1):
            assert _timeout("default") == "1234ms"
            transaction.set_rollback(True)
        assert _timeout("default") == "1234ms"
    assert _timeout("default") == "0"


def test_limit_that_began_within_a_transaction_is_told_again_after_it() -> None:
    with ExitStack() as limited:
        with transaction.atomic():
            _timeout("default")
            limited.enter_context(access.statements_within(1_234))
            assert _timeout("default") == "1234ms"
            transaction.set_rollback(True)
        assert _timeout("default") == "1234ms"
    assert _timeout("default") == "0"


def test_operators_pages_have_more_time(
    staff: Client, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.ORBIT_QUERY_MS, settings.ORBIT_OPERATOR_QUERY_MS = 1_000, 7_000
    given: list[int] = []
    within = access.statements_within

    def noted(ms: int) -> AbstractContextManager[None]:
        given.append(ms)
        return within(ms)

    monkeypatch.setattr(access, "statements_within", noted)
    for path in ("/operator/", "/admin/", "/organizations/"):
        staff.get(path)
    assert given == [7_000, 7_000, 1_000]
