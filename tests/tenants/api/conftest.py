"""Callers of the management API, and an organization for them to manage."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.http.response import HttpResponseBase
from django.test import Client

from tenants import services
from tenants.models import ApiKey, Organization
from tenants.rights import SCOPES, Right

ALL_RIGHTS = [right.value for right in Right]


@dataclass
class Caller:
    """Sends JSON as one credential; answers are the test client's."""

    client: Client
    secret: str = field(default="", repr=False)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer: HttpResponseBase = self.client.generic(
            method,
            f"/api/v1/{path}",
            _encoded(body),
            content_type="application/json",
            headers=named,
        )
        return answer


def _encoded(body: Any) -> bytes:
    return b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()


def caller(secret: str = "") -> Caller:
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    return Caller(Client(headers=headers), secret)


CallAs = Callable[..., Caller]


@pytest.fixture
def call_as(organization: Organization) -> CallAs:
    """A caller with a management key of `organization` and these scopes, all when none are named."""
    made = iter(range(1000))

    def issued(*scopes: str, of: Organization = organization, **fields: Any) -> Caller:
        where: dict[str, Any] = {"organization_id": of.pk, "actor": "test"} | fields
        _, text = services.issue_management_key(
            **where, name=f"key-{next(made)}", scopes=scopes or ALL_RIGHTS
        )
        return caller(text)

    return issued


@pytest.fixture
def admin(call_as: CallAs) -> Caller:
    return call_as()


@pytest.fixture
def operator(slug: str) -> Caller:
    _, text = services.issue_operator_key(name=f"op-{slug}", scopes=list(SCOPES), actor="test")
    return caller(text)


@pytest.fixture
def key(organization: Organization) -> ApiKey:
    where: dict[str, Any] = {"organization_id": organization.pk, "actor": "test"}
    services.save_project(**where, slug="bot", name="Bot")
    key, _ = services.issue_key(**where, project="bot", name="production")
    return key
