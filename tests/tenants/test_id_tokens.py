"""ID tokens that are made by somebody else than the provider."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.cache import cache

from tenants import oidc
from tenants.secrets import Secret
from tests.oidc import CLIENT_ID, CLIENT_SECRET, Provider, running_provider


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        running.claims = {"sub": "ada"}
        yield running


@pytest.fixture
def client(provider: Provider, settings: Any) -> oidc.Client:
    cache.clear()
    settings.ORBIT_PRIVATE_TARGETS = [f"127.0.0.1:{provider.port}"]
    return oidc.Client(oidc.look_up(provider.issuer), CLIENT_ID, Secret(CLIENT_SECRET))


def said(provider: Provider) -> dict[str, Any]:
    now = int(time.time())
    return {"iss": provider.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 60, "sub": "ada"}


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_providers_own_token_is_taken(provider: Provider, client: oidc.Client) -> None:
    assert oidc.id_claims(client, provider.sign())["sub"] == "ada"


def test_token_that_anybody_could_make_is_refused(provider: Provider, client: oidc.Client) -> None:
    body = said(provider)
    mine = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    right = provider.sign().split(".")
    for token in (
        jwt.encode(body, CLIENT_SECRET.ljust(32, "x"), "HS256", headers={"kid": "one"}),
        f"{part({'alg': 'none'})}.{part(body)}.",
        f"{part({'alg': 'None', 'kid': 'one'})}.{part(body)}.{right[2]}",
        jwt.encode(body, mine, "RS256", headers={"kid": "one"}),
        jwt.encode(body, mine, "RS256", headers={"kid": "two"}),
        jwt.encode(body, mine, "PS256", headers={"kid": "one"}),
        f"{right[0]}.{part(body | {'sub': 'eve'})}.{right[2]}",
        "",
        "a.b.c",
    ):
        with pytest.raises(oidc.Rejected):
            oidc.id_claims(client, token)


@pytest.mark.parametrize(
    "more",
    [
        {"exp": 1},
        {"iss": "https://evil.example"},
        {"aud": "other"},
        {"aud": None},
        {"sub": None},
        {"nbf": 2**33},
    ],
)
def test_token_of_another_time_place_or_reader_is_refused(
    provider: Provider, client: oidc.Client, more: dict[str, Any]
) -> None:
    with pytest.raises(oidc.Rejected, match="ID token"):
        oidc.id_claims(client, provider.sign(**more))
