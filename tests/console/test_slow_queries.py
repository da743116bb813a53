"""Questions that the database is kept at for too long end with words, and leave nothing behind on the connection."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connections

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
