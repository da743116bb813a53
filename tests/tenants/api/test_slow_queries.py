from __future__ import annotations

from typing import Any

import pytest
from django.db import connections

from tenants.api import keys
from tests.tenants.api.conftest import CallAs


def test_question_that_takes_too_long_ends_as_a_problem(
    call_as: CallAs, organization: Any, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    def sleep(*_: Any, **__: Any) -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT pg_sleep(20)")

    settings.ORBIT_QUERY_MS = 200
    call = call_as()
    path = f"organizations/{organization.slug}/keys"
    assert call("GET", path).status_code == 200
    monkeypatch.setattr(keys, "selected", sleep)
    answer = call("GET", path)
    assert answer.status_code == 503
    told = answer.json()
    assert (told["code"], told["title"]) == ("took_too_long", "The question took too long")
    assert "pg_sleep" not in answer.content.decode()
    monkeypatch.undo()
    assert call("GET", path).status_code == 200
