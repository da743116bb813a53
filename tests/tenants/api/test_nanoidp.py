"""Against an identity provider that we did not write, in a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tenants import issuer as trusted
from tests.tenants.api.conftest import caller

ISSUER_CLIENT = ("robot", "robot-secret")


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    folder = tmp_path_factory.mktemp("nanoidp")
    url = f"http://127.0.0.1:{port}"
    _configure(folder, url)
    command = [sys.executable, "-m", "nanoidp", "--config", str(folder), "--host", "127.0.0.1"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, "--port", str(port)], stdout=log, stderr=log, cwd=folder)
        try:
            _wait(url, process, folder / "log")
            yield url
        finally:
            process.terminate()
            process.wait(10)


def _configure(folder: Path, url: str) -> None:
    client_id, secret = ISSUER_CLIENT
    client = {"client_id": client_id, "client_secret": secret, "description": "tests"}
    said = {
        "config_version": 1,
        "oauth": {"issuer": url, "audience": "orbit", "token_expiry_minutes": 5, "clients": [client]},
    }
    users = {"alice": {"password": "x", "roles": ["ONCALL"], "tenant": "default", "email": "a@example.org"}}
    (folder / "settings.yaml").write_text(yaml.safe_dump(said))
    (folder / "users.yaml").write_text(yaml.safe_dump({"config_version": 1, "users": users}))


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx2.get(f"{url}/health", trust_env=False)
            return
        except httpx2.HTTPError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture
def trusting(settings: Any, provider: str) -> str:
    settings.ORBIT_PRIVATE_TARGETS = [*settings.ORBIT_PRIVATE_TARGETS, provider.partition("://")[2]]
    settings.ORBIT_JWT_ISSUER = provider
    settings.ORBIT_JWT_AUDIENCE = "orbit"
    settings.ORBIT_JWT_SCOPES_CLAIM = ["scope", "roles"]
    settings.ORBIT_JWT_ROLES = {"ONCALL": ("support",), "profile": ("organization.read",)}
    return provider


def ask(url: str, **form: str) -> Any:
    return httpx2.post(url, data=form, auth=ISSUER_CLIENT, trust_env=False).json()


def me(token: str) -> Any:
    return caller(token)("GET", "me")


def test_a_machines_and_a_persons_token_open_what_they_stand_for(trusting: str) -> None:
    machine = ask(f"{trusting}/token", grant_type="client_credentials", scope="profile")["access_token"]
    said = me(machine).json()
    assert said["scopes"] == ["organization.read"]
    assert said["name"].endswith(" robot")
    asked = {"client_id": ISSUER_CLIENT[0]}
    given = httpx2.post(f"{trusting}/api/users/alice/token", json=asked, trust_env=False).json()
    assert "usage.read" in me(given["access_token"]).json()["scopes"]
    assert me(given["refresh_token"]).status_code == 401


def test_a_new_key_of_the_issuers_is_learned(trusting: str) -> None:
    before = ask(f"{trusting}/token", grant_type="client_credentials")["access_token"]
    httpx2.post(f"{trusting}/api/keys/rotate", trust_env=False).raise_for_status()
    after = ask(f"{trusting}/token", grant_type="client_credentials")["access_token"]
    config = trusted.configured()
    assert config is not None
    issuer = trusted.Issuer(config)  # which knows no key yet
    assert issuer.claims_of(after) is not None
    assert issuer.claims_of(before) is not None


def test_a_token_that_was_revoked_there_is_refused_when_it_is_asked(settings: Any, trusting: str) -> None:
    settings.ORBIT_INTROSPECTION_URL = f"{trusting}/introspect"
    settings.ORBIT_INTROSPECTION_CLIENT_ID, settings.ORBIT_INTROSPECTION_CLIENT_SECRET = ISSUER_CLIENT
    settings.ORBIT_INTROSPECTION_JWTS = True
    settings.ORBIT_INTROSPECTION_CACHE_S = 0
    token = ask(f"{trusting}/token", grant_type="client_credentials")["access_token"]
    assert me(token).status_code == 200
    httpx2.post(f"{trusting}/revoke", data={"token": token}, auth=ISSUER_CLIENT, trust_env=False)
    assert me(token).status_code == 401
