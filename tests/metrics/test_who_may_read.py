"""/metrics is read with the token, or straight from an address that may; nobody else learns anything."""

from __future__ import annotations

import os
import subprocess
import sys
from ipaddress import ip_network
from typing import Any

import httpx2
import pytest

from orbit.metrics.endpoint import may_read
from tests.conftest import Tenant
from tests.gateway import Gateway
from tests.proxy.conftest import ApiOf, hello


def asked(peer: str = "203.0.113.7", **headers: str) -> dict[str, Any]:
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"method": "GET", "path": "/metrics", "client": (peer, 1), "headers": sent}


@pytest.mark.parametrize(
    ("scope", "hops", "may"),
    [
        (asked("127.0.0.1"), 0, True),
        (asked("::1"), 0, True),
        (asked("10.1.2.3"), 0, True),
        (asked("203.0.113.7"), 0, False),
        (asked(authorization="Bearer let-me-read-them"), 0, True),
        (asked(authorization="bearer let-me-read-them"), 0, True),
        (asked(authorization="Bearer let-me-read-the"), 0, False),
        (asked(authorization="Basic let-me-read-them"), 0, False),
        (asked("127.0.0.1", x_forwarded_for="203.0.113.7"), 0, False),
        (asked("127.0.0.1", forwarded="for=203.0.113.7"), 0, False),
        (asked("127.0.0.1", via="1.1 nginx"), 0, False),
        (asked("127.0.0.1", x_forwarded_for="203.0.113.7"), 1, False),
        (asked("127.0.0.1", x_forwarded_for="10.1.2.3"), 1, True),
        (asked("127.0.0.1", x_forwarded_for="10.1.2.3, 203.0.113.7"), 1, False),
        (asked("127.0.0.1", x_forwarded_for="10.1.2.3"), 2, False),
        (asked("127.0.0.1", x_forwarded_for="nonsense"), 1, False),
        (asked("127.0.0.1"), 1, True),
        ({**asked(), "client": None}, 0, False),
    ],
)
def test_address_or_token_opens_it(scope: dict[str, Any], hops: int, may: bool, settings: Any) -> None:
    settings.ORBIT_METRICS_TOKEN = "let-me-read-them"
    settings.ORBIT_METRICS_ADDRESSES = tuple(map(ip_network, ("127.0.0.0/8", "::1/128", "10.0.0.0/8")))
    settings.ORBIT_TRUSTED_PROXIES = hops
    assert may_read(scope) is may


def test_on_a_server_nobody_reads_it_unless_somebody_says_so() -> None:
    """A proxy beside it that sends no header cannot be told from the machine itself."""
    for said, networks in ((None, "()"), ("127.0.0.0/8", "(IPv4Network('127.0.0.0/8'),)")):
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "orbit.settings.prod"}
        environment.pop("ORBIT_METRICS_ADDRESSES", None)
        if said:
            environment["ORBIT_METRICS_ADDRESSES"] = said
        program = "from django.conf import settings; print(settings.ORBIT_METRICS_ADDRESSES)"
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, check=True
        )
        assert done.stdout.decode().strip() == networks


def test_no_token_is_no_password(settings: Any) -> None:
    settings.ORBIT_METRICS_TOKEN, settings.ORBIT_METRICS_ADDRESSES = "", ()
    assert not may_read(asked(authorization="Bearer "))
    assert not may_read(asked("127.0.0.1"))


def test_refusal_names_the_settings(gateway: Gateway) -> None:
    there = f"http://127.0.0.1:{gateway.port}/metrics"
    answer = httpx2.get(there, headers={"x-forwarded-for": "127.0.0.1"}, trust_env=False)
    assert answer.status_code == 401
    assert "ORBIT_METRICS_TOKEN" in answer.text
    assert "ORBIT_METRICS_ADDRESSES" in answer.text
    assert httpx2.post(there, trust_env=False).status_code == 405


def test_no_key_nor_prompt_is_in_it(gateway: Gateway, tenant: Tenant, api_of: ApiOf) -> None:
    api_of(tenant).chat(messages=hello("tokens=3"), user="ada@example.org")
    text = httpx2.get(f"http://127.0.0.1:{gateway.port}/metrics", trust_env=False, timeout=20).text
    assert tenant.slug in text
    for secret in (tenant.key, tenant.key[4:12], "Hello", "ada@example.org", "sk-demo"):
        assert secret not in text
