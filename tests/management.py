"""The management API, asked by a credential of one's own."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from uuid import UUID

from django.test import Client

from tenants import services
from tenants.rights import Right


def client_of(organization_id: UUID, scopes: Iterable[str] = tuple(Right)) -> Client:
    """With a key of the organization that opens these scopes; without any: all that a key can."""
    _, text = services.issue_management_key(
        organization_id=organization_id, name=f"k-{secrets.token_hex(4)}", scopes=list(scopes), actor="test"
    )
    return Client(headers={"Authorization": f"Bearer {text}"})
