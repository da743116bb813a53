"""Who is let in, and how little a bad key is told."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from tenants import keys, services
from tenants.models import ApiKey
from tenants.rotation import GRACE
from tenants.services.issued_keys import raise_generation
from tenants.services.saved import changing
from tests.conftest import Tenant
from tests.gateway import Gateway
from tests.proxy.conftest import HELLO, Api, code_of

CONTENT = orjson.dumps({"model": "gpt-4o-mini", "messages": HELLO, "max_tokens": 2})


def ask(client: httpx2.Client, *headers: tuple[str, str], query: str = "") -> httpx2.Response:
    return client.post(f"chat/completions{query}", content=CONTENT, headers=httpx2.Headers(list(headers)))


def ask_roughly(gateway: Gateway, authorization: bytes) -> tuple[int, dict[str, str], bytes]:
    """With bytes that a proper client would not send."""
    with closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=5)) as connection:
        headers: dict[str, Any] = {"authorization": authorization}
        connection.request("POST", "/v1/chat/completions", CONTENT, headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read()


def bad_values(key: str) -> list[bytes]:
    good = key.encode()
    texts = [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer null",
        b"Bearer undefined",
        b"Basic " + good,
        good,
        b"Token " + good,
        b"Bearer " + good[:-1],
        b"Bearer " + good + b"x",
        b"Bearer " + good[1:],
        b"Bearer " + good.swapcase(),
        b"Bearer " + good.upper(),
        b"Bearer " + good.lower(),
        b"Bearer " + good[:20] + b" " + good[20:],
        b"Bearer " + good + b" " + good,
        b"Bearer " + good + b"," + good,
        b'Bearer "' + good + b'"',
        b"Bearer Bearer " + good,
        b"Bearer orb_",
        b"Bearer orb_" + b"A" * 43,
        b"Bearer orb_" + b"0" * len(good[4:]),
        b"Bearer sk-demo-tests",
        b"Bearer ' OR '1'='1",
        b"Bearer '; DROP TABLE tenants_apikey; --",
        b"Bearer %00",
        b"Bearer ../../etc/passwd",
        b"Bearer \xc3\xa9\xc3\xa9",
        b"Bearer \xff\xfe",
        b"Bearer " + good.replace(good[10:11], b"\xd0\xb0", 1),  # a look-alike letter
        b"Bearer " + b"A" * 20_000,
        b"Bearer orb_" + b"A" * 20_000,
    ]
    return [text for text in texts if text != b"Bearer " + good]


def test_every_bad_key_gets_the_same_answer(
    gateway: Gateway, tenant: Tenant, provider: ProviderHandle
) -> None:
    seen = provider.summary()["requests"]
    bodies, headers = set(), set()
    values = bad_values(tenant.key)
    assert len(values) >= 30
    for value in values:
        status, own, body = ask_roughly(gateway, value)
        assert (status, orjson.loads(body)["error"]["code"]) == (401, "invalid_api_key"), value
        body = body.replace(own.pop("x-orbit-request-id").encode(), b"ID")
        own.pop("x-request-id")
        bodies.add(body)
        headers.add(tuple(sorted((name, text) for name, text in own.items() if name != "date")))
    assert len(bodies) == 1
    assert len(headers) == 1
    assert provider.summary()["requests"] == seen


DAY = timedelta(days=1)
Kill = Callable[[dict[str, Any]], Any]


def _overdue(which: dict[str, Any]) -> None:
    services.change_key(**which, policy=None, allow={}, expires_at=None, rotate_after_days=30)
    with changing(which["organization_id"], "test") as change:
        key = ApiKey.objects.get(pk=which["key_id"])
        key.rotation_due_at = datetime.now(UTC) - GRACE
        raise_generation(change, key, ["rotation_due_at"])


def _replaced_and_revoked(which: dict[str, Any]) -> None:
    services.rotate_key(**which, overlap=DAY)
    services.revoke_key(**which)


WAYS_TO_DIE: dict[str, Kill] = {
    "revoked": lambda which: services.revoke_key(**which),
    "expired": lambda which: services.change_key(
        **which, policy=None, allow={}, expires_at=datetime.now(UTC) - DAY, rotate_after_days=None
    ),
    "rotated out": lambda which: services.rotate_key(**which, overlap=timedelta()),
    "replaced, then revoked": _replaced_and_revoked,
    "overdue": _overdue,
    "project archived": lambda which: services.archive_project(
        organization_id=which["organization_id"], slug="doomed", actor="test"
    ),
}
REQUESTS: dict[str, tuple[str, str, bytes, dict[str, str]]] = {
    "call": ("POST", "/v1/chat/completions", CONTENT, {}),
    "listing": ("GET", "/v1/models", b"", {}),
    "no JSON": ("POST", "/v1/chat/completions", b"{", {}),
    "encoded": ("POST", "/v1/chat/completions", CONTENT, {"content-encoding": "gzip"}),
    "too large": ("POST", "/v1/chat/completions", b"", {"content-length": "99999999999"}),
}


def answer_to(gateway: Gateway, key: str, request: str) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Status, body and headers, without what no two answers share."""
    method, path, content, more = REQUESTS[request]
    with closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=5)) as connection:
        connection.request(method, path, content, {"authorization": f"Bearer {key}", **more})
        answer = connection.getresponse()
        headers = {name.lower(): text for name, text in answer.getheaders()}
        body = answer.read().replace(headers.pop("x-orbit-request-id").encode(), b"ID")
    kept = [one for one in sorted(headers.items()) if one[0] not in ("x-request-id", "date")]
    return answer.status, body, kept


@pytest.mark.parametrize("known", [True, False], ids=["known to the worker", "not known"])
@pytest.mark.parametrize("way", WAYS_TO_DIE)
def test_key_that_worked_once_is_answered_like_one_that_never_was(
    gateway: Gateway, tenant: Tenant, provider: ProviderHandle, way: str, known: bool
) -> None:
    services.save_project(organization_id=tenant.id, slug="doomed", name="Doomed", actor="test")
    key, secret = services.issue_key(organization_id=tenant.id, project="doomed", name="doomed", actor="test")
    if known:
        assert answer_to(gateway, secret, "call")[0] == answer_to(gateway, secret, "listing")[0] == 200
    seen = provider.summary()["requests"]
    WAYS_TO_DIE[way]({"organization_id": tenant.id, "key_id": key.pk, "actor": "test"})
    for request in reversed(REQUESTS):  # first those that are refused before anything is asked of the store
        found = answer_to(gateway, secret, request)
        assert found[0] == 401, request
        assert found == answer_to(gateway, keys.new_key(), request), request
    assert provider.summary()["requests"] == seen


def test_no_key_gets_that_answer_too(client: httpx2.Client, tenant: Tenant) -> None:
    for method, path in [
        ("POST", "chat/completions"),
        ("POST", "embeddings"),
        ("GET", "models"),
        ("GET", "models/gpt-4o"),
        ("GET", "orbit/limits"),
        ("GET", "orbit/requests/019a0000-0000-7000-8000-000000000000"),
    ]:
        for headers in ({}, {"authorization": f"Bearer {tenant.key[:-1]}"}):
            answer = client.request(method, path, headers=headers)
            assert code_of(answer) == (401, "invalid_api_key")
            assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "x-goog-api-key", "api-key"])
def test_key_is_found_where_each_client_puts_it(client: httpx2.Client, tenant: Tenant, name: str) -> None:
    value = f"Bearer {tenant.key}" if name == "authorization" else tenant.key
    assert ask(client, (name, value)).status_code == 200


def test_same_key_in_two_places_is_one_key(client: httpx2.Client, tenant: Tenant) -> None:
    assert (
        ask(client, ("authorization", f"bearer  {tenant.key}"), ("x-api-key", tenant.key)).status_code == 200
    )


def test_two_different_keys_are_refused(client: httpx2.Client, tenant: Tenant) -> None:
    good, other = f"Bearer {tenant.key}", "sk-other"
    for headers in (
        [("authorization", good), ("authorization", f"Bearer {other}")],
        [("authorization", good), ("x-api-key", other)],
        [("x-api-key", tenant.key), ("x-goog-api-key", other)],
        [("api-key", tenant.key), ("x-api-key", "")],
    ):
        assert code_of(ask(client, *headers)) == (400, "ambiguous_credentials")


def test_key_in_the_address_is_refused(client: httpx2.Client, tenant: Tenant) -> None:
    for name in ("key", "api_key", "api-key"):
        answer = ask(client, query=f"?{name}={tenant.key}")
        assert code_of(answer) == (400, "ambiguous_credentials")
        assert tenant.key not in answer.text
        answer = ask(client, ("authorization", f"Bearer {tenant.key}"), query=f"?a=b&{name}={tenant.key}")
        assert code_of(answer) == (400, "ambiguous_credentials")


def test_key_of_one_organization_does_not_show_another(api: Api, gateway: Gateway, tenant: Tenant) -> None:
    answer = api.get("models")
    assert {model["owned_by"] for model in answer.json()["data"]} == {tenant.slug}
