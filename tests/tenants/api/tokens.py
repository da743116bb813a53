"""How OAuth clients get tokens."""

from __future__ import annotations

import base64
from typing import Any

from django.test import Client
from django.urls import reverse


def ask_token(client_id: str, secret: str, scope: str | None = None, **fields: str) -> Any:
    """What the token endpoint answers."""
    form = {"grant_type": "client_credentials", **fields}
    if scope is not None:
        form["scope"] = scope
    pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    return Client(headers={"Authorization": f"Basic {pair}"}).post(
        reverse("oauth_token"),
        "&".join(f"{name}={text}" for name, text in form.items()),
        content_type="application/x-www-form-urlencoded",
    )


def new_token(client_id: str, secret: str, scope: str | None = None) -> str:
    answer = ask_token(client_id, secret, scope)
    assert answer.status_code == 200, answer.content
    token: str = answer.json()["access_token"]
    return token
