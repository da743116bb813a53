from __future__ import annotations

from typing import Any

import pytest

from tenants.models import ApiKey
from tests.tenants.api.conftest import Caller


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "new"}, "project"),
        ({"project": "bot", "name": "new", "polcy": "default"}, "polcy"),
        ({"project": "none", "name": "new"}, "project"),
        ({"project": "bot", "name": "Not a name"}, "name"),
        ({"project": "bot", "name": 7}, "name"),
        ({"project": "bot", "name": None}, "name"),
        ({"project": "bot", "name": "new", "policy": "none"}, "policy"),
        ({"project": "bot", "name": "new", "allow": []}, "allow"),
        (
            {"project": "bot", "name": "new", "allow": {"ip_ranges": ["10.0.0.0/8", "x"]}},
            "allow.ip_ranges[1]",
        ),
        ({"project": "bot", "name": "new", "expires_at": "2031-01-01"}, "expires_at"),
        ({"project": "bot", "name": "new", "rotate_after_days": "9"}, "rotate_after_days"),
        ({"project": "bot", "name": "new", "rotate_after_days": True}, "rotate_after_days"),
        ({"project": "bot", "name": "new", "owner": "nobody@example.org"}, "owner"),
    ],
)
def test_a_body_that_is_wrong_names_its_field(
    admin: Caller, key: ApiKey, slug: str, body: dict[str, Any], field: str
) -> None:
    answer = admin("POST", f"organizations/{slug}/keys", body)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    said = answer.json()
    assert said["code"] == "invalid_request"
    assert [error["field"] for error in said["errors"]] == [field]
    assert said["request_id"] == answer["X-Request-Id"]


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"[]",
        b'{"name": "a", "name": "b"}',
        b'{"name": "\\ud800"}',
        b'{"name": "a\\u0000"}',
        b'{"name": NaN}',
        b"\xff",
        b"[" * 70 + b"]" * 70,
    ],
)
def test_a_body_that_two_parsers_could_read_differently_is_refused(
    admin: Caller, slug: str, raw: bytes
) -> None:
    answer = admin("PATCH", f"organizations/{slug}", raw)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_other_media_types_are_refused(admin: Caller, slug: str) -> None:
    answer = admin.client.post(f"/api/v1/organizations/{slug}/keys", {"project": "bot", "name": "new"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_a_body_that_is_too_large_is_refused(admin: Caller, slug: str) -> None:
    answer = admin("PATCH", f"organizations/{slug}", b'{"name": "' + b"x" * 4_000_000 + b'"}')
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_other_methods_are_refused(admin: Caller, slug: str) -> None:
    answer = admin("PUT", f"organizations/{slug}/keys", {})
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert admin("OPTIONS", f"organizations/{slug}/keys")["Allow"] == "GET, POST"


def test_what_we_did_not_expect_is_told_to_nobody(
    admin: Caller, slug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("the canary sings")

    monkeypatch.setattr("tenants.services.update_organization", fail)
    answer = admin("PATCH", f"organizations/{slug}", {"name": "Other"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert b"canary" not in answer.content
