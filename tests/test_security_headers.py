"""What every surface tells browsers, and whom it believes about where a request came from."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx2
import pytest

from tests.conftest import Tenant
from tests.gateway import Gateway

PAGES = ("/accounts/login/", "/no-such-page", "/admin/login/", "/api/v1/docs", "/admin/")
API = ("/api/v1/me", "/api/v1/no-such", "/api/v1/schema")
OTHERS = ("/healthz", "/readyz", "/metrics")


@pytest.fixture
def http(gateway: Gateway) -> Iterator[httpx2.Client]:
    base = gateway.base_url.removesuffix("/v1")
    with httpx2.Client(base_url=base, timeout=20, trust_env=False, verify=False) as made:
        yield made


@pytest.mark.parametrize("path", PAGES)
def test_page_is_framed_by_nobody_and_runs_nothing_of_others(http: httpx2.Client, path: str) -> None:
    answer = http.get(path)
    assert answer.headers["content-type"].startswith("text/html") or answer.status_code == 302
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]


@pytest.mark.parametrize("path", [*API, *OTHERS])
def test_data_is_taken_for_no_page(http: httpx2.Client, path: str) -> None:
    answer = http.get(path)
    assert not answer.headers["content-type"].startswith("text/html")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_answers_of_the_proxy_are_taken_for_no_page(http: httpx2.Client, tenant: Tenant) -> None:
    key = {"authorization": f"Bearer {tenant.key}"}
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
    answers = [
        http.get("/v1/models"),
        http.get("/v1/no-such"),
        http.get("/v1/models", headers=key),
        http.post("/v1/chat/completions", headers=key, json=body),
        http.post("/v1/chat/completions", headers=key, json={**body, "stream": True}),
        http.post("/v1/chat/completions", headers=key, json={**body, "model": "none"}),
    ]
    assert [one.status_code for one in answers] == [401, 404, 200, 200, 200, 404]
    for one in answers:
        assert one.headers["x-content-type-options"] == "nosniff"
        assert not one.headers["content-type"].startswith("text/html")
        assert "access-control-allow-origin" not in one.headers


def test_static_file_is_what_it_says(http: httpx2.Client) -> None:
    answer = http.get("/static/orbit/favicon.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_request_that_is_refused_before_django_says_the_same(gateway: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.sendall(
            b"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000000\r\n\r\n"
        )
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"x-frame-options: DENY" in answer
    assert b"x-content-type-options: nosniff" in answer
    assert b"content-security-policy: default-src 'none'" in answer


def test_a_forwarded_address_is_believed_from_no_proxy_that_nobody_named(
    http: httpx2.Client, tenant: Tenant
) -> None:
    """ORBIT_TRUSTED_PROXIES is 0 here: a forged chain lets nobody read /metrics, and changes nobody's address."""
    forged = {"x-forwarded-for": "127.0.0.1", "forwarded": "for=127.0.0.1"}
    assert http.get("/metrics", headers=forged).status_code == 401
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
    sent = http.post(
        "/v1/chat/completions",
        headers={"authorization": f"Bearer {tenant.key}", "x-forwarded-for": "203.0.113.9"},
        json=body,
    )
    assert sent.status_code == 200
    [event] = tenant.events()
    assert event["client_ip"] == "127.0.0.1"
