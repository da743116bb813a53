"""The management API, asked by a credential of one's own."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.test import Client

from tenants import services
from tenants.api.description import description
from tenants.rights import Right


def client_of(organization_id: UUID, scopes: Iterable[str] = tuple(Right)) -> Client:
    """With a key of the organization that opens these scopes; without any: all that a key can."""
    _, text = services.issue_management_key(
        organization_id=organization_id, name=f"k-{secrets.token_hex(4)}", scopes=list(scopes), actor="test"
    )
    return Client(headers={"Authorization": f"Bearer {text}"})


def found_ids(client: Client, organization: str, path: str) -> dict[str, Any]:
    """Values of a described path's parameters that lead to something, the first of the lists above them.

    One that nothing is known for is left out.
    """
    formats = _formats(path)
    known: dict[str, Any] = {"organization": organization} if "organization" in formats else {}
    for name in re.findall(r"{(\w+)}", path):
        if name in known:
            continue
        answer = client.get(path[: path.index(f"/{{{name}}}")].format(**known))
        rows = answer.json().get("data") if answer.status_code == 200 else None
        if not rows:
            break
        names = ("slug", "alias", "name") if formats[name] == "text" else ()
        known[name] = next((rows[0][one] for one in (*names, "event_id", "id") if one in rows[0]), None)
    return known


@lru_cache(maxsize=1)
def paths() -> dict[str, Any]:
    """What the description says of each path."""
    found: dict[str, Any] = description()["paths"]
    return found


def _formats(path: str) -> dict[str, str]:
    """`text`, or what kind of id a parameter of the path is."""
    (operation, *_) = paths()[path].values()
    return {
        one["name"]: "text"
        if set(one["schema"]) <= {"type", "pattern"} and one["schema"]["type"] == "string"
        else "id"
        for one in operation.get("parameters", ())
        if one["in"] == "path"
    }
