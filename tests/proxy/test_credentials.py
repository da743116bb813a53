"""Who is let in, and how little a bad key is told."""

from __future__ import annotations

import http.client
from contextlib import closing
from typing import Any

import httpx2
import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
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
