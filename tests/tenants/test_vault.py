"""Secrets in a real OpenBao: every way to log in, staying logged in, and what each refusal means."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from orbit.lib.errors import InputError
from tenants.secrets import vault
from tenants.secrets.secret import CannotRead, Down, Gone
from tenants.secrets.vault import Vault
from tests.kubernetes import running_api, service_account_token
from tests.lib.certificates import certificate
from tests.openbao import OpenBao
from tests.tenants.conftest import SECRET

Prepare = Callable[..., None]


@pytest.fixture
def path(openbao: OpenBao) -> str:
    """A secret of the test's own, which the policy `orbit` lets one read."""
    openbao.allow("orbit", "secret/data/orbit/*")
    made = f"orbit/{secrets.token_hex(6)}/openai"
    openbao.put(made, api_key=SECRET)
    return made


@pytest.fixture
def by_token(openbao: OpenBao, settings: Settings) -> Prepare:
    def prepare(**fields: Any) -> None:
        made = openbao.ask("POST", "auth/token/create", {"policies": ["orbit"], "ttl": "60s", **fields})
        settings.ORBIT_VAULT_ADDR = openbao.url
        settings.ORBIT_VAULT_AUTH = "token"
        settings.ORBIT_VAULT_TOKEN = made["auth"]["client_token"]

    return prepare


@pytest.fixture
def by_approle(openbao: OpenBao, settings: Settings) -> Prepare:
    def prepare(**fields: Any) -> None:
        mount = f"role-{secrets.token_hex(4)}"
        openbao.ask("POST", f"sys/auth/{mount}", {"type": "approle"})
        role = f"auth/{mount}/role/gateway"
        openbao.ask("POST", role, {"token_policies": ["orbit"], "token_ttl": "60s", **fields})
        settings.ORBIT_VAULT_ADDR = openbao.url
        settings.ORBIT_VAULT_AUTH = "approle"
        settings.ORBIT_VAULT_AUTH_MOUNT = mount
        settings.ORBIT_VAULT_ROLE = openbao.ask("GET", f"{role}/role-id")["data"]["role_id"]
        settings.ORBIT_VAULT_SECRET_ID = openbao.ask("POST", f"{role}/secret-id", {})["data"]["secret_id"]

    return prepare


@pytest.fixture
def by_kubernetes(openbao: OpenBao, settings: Settings, tmp_path: Path) -> Iterator[Prepare]:
    def prepare() -> None:
        mount = f"cluster-{secrets.token_hex(4)}"
        openbao.ask("POST", f"sys/auth/{mount}", {"type": "kubernetes"})
        certificate(tmp_path, "cluster.test")
        cluster = {
            "kubernetes_host": address,
            "disable_local_ca_jwt": True,
            "kubernetes_ca_cert": (tmp_path / "cluster.test.pem").read_text(),
        }
        openbao.ask("POST", f"auth/{mount}/config", cluster)
        bound = {"bound_service_account_names": ["gateway"], "bound_service_account_namespaces": ["orbit"]}
        openbao.ask(
            "POST", f"auth/{mount}/role/gateway", {**bound, "token_policies": ["orbit"], "token_ttl": "60s"}
        )
        (tmp_path / "token").write_text(service_account_token())
        settings.ORBIT_VAULT_ADDR = openbao.url
        settings.ORBIT_VAULT_AUTH = "kubernetes"
        settings.ORBIT_VAULT_AUTH_MOUNT = mount
        settings.ORBIT_VAULT_ROLE = "gateway"
        settings.ORBIT_VAULT_JWT_FILE = str(tmp_path / "token")

    with running_api() as address:
        yield prepare


@pytest.fixture
def store() -> Iterator[Callable[[], Vault]]:
    made: list[Vault] = []

    def make() -> Vault:
        made.append(Vault())
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("method", ["token", "approle", "kubernetes"])
def test_field_is_read_by_every_way_to_log_in(
    request: pytest.FixtureRequest, store: Callable[[], Vault], path: str, method: str
) -> None:
    request.getfixturevalue(f"by_{method}")()
    assert store().read(f"secret/{path}#api_key") == SECRET


def test_new_version_is_what_is_read_next(
    by_token: Prepare, openbao: OpenBao, store: Callable[[], Vault], path: str
) -> None:
    by_token()
    vault = store()
    vault.read(f"secret/{path}#api_key")
    openbao.put(path, api_key="sk-new")
    assert vault.read(f"secret/{path}#api_key") == "sk-new"


def test_namespace_is_asked_in(openbao: OpenBao, settings: Settings, store: Callable[[], Vault]) -> None:
    space = f"team-{secrets.token_hex(4)}"
    openbao.ask("POST", f"sys/namespaces/{space}", {})
    openbao.ask("POST", f"{space}/sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
    openbao.ask("POST", f"{space}/secret/data/orbit/a/openai", {"data": {"api_key": SECRET}})
    settings.ORBIT_VAULT_ADDR, settings.ORBIT_VAULT_TOKEN = openbao.url, openbao.token
    with pytest.raises(Gone):
        store().read("secret/orbit/a/openai#api_key")
    settings.ORBIT_VAULT_NAMESPACE = space
    assert store().read("secret/orbit/a/openai#api_key") == SECRET


@pytest.mark.parametrize("method", ["token", "approle"])
def test_token_is_renewed_while_nobody_reads(
    request: pytest.FixtureRequest, store: Callable[[], Vault], path: str, method: str
) -> None:
    lives = {"ttl": "2s"} if method == "token" else {"token_ttl": "2s"}
    request.getfixturevalue(f"by_{method}")(**lives)
    vault = store()
    vault.read(f"secret/{path}#api_key")
    first = vault._login
    for _ in range(6):
        time.sleep(0.5)
        vault.keep()
    assert first is not None
    assert vault._login is not None
    assert vault._login.token == first.token  # the same one, though it had two seconds to live
    assert vault.read(f"secret/{path}#api_key") == SECRET


def test_token_that_cannot_live_longer_is_replaced_by_a_new_login(
    by_approle: Prepare, store: Callable[[], Vault], path: str
) -> None:
    by_approle(token_ttl="2s", token_max_ttl="2s")
    vault = store()
    vault.read(f"secret/{path}#api_key")
    first = vault._login
    for wait_s in (1.4, 0.8, 2.2):  # before its end; the next one's, too; and after it
        time.sleep(wait_s)
        vault.keep()
    assert vault._login is not first
    assert vault.read(f"secret/{path}#api_key") == SECRET


def test_revoked_token_is_replaced_by_a_new_login(
    by_approle: Prepare,
    openbao: OpenBao,
    store: Callable[[], Vault],
    path: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vault, "_AGAIN_S", 0.0)
    by_approle()
    made = store()
    made.read(f"secret/{path}#api_key")
    assert made._login is not None
    openbao.ask("POST", "auth/token/revoke", {"token": made._login.token})
    assert made.read(f"secret/{path}#api_key") == SECRET


def test_token_that_we_logged_in_for_is_given_back(by_approle: Prepare, openbao: OpenBao, path: str) -> None:
    by_approle()
    vault = Vault()
    vault.read(f"secret/{path}#api_key")
    assert vault._login is not None
    token = vault._login.token
    vault.close()
    with pytest.raises(AssertionError, match="403"):
        openbao.ask("GET", "auth/token/lookup-self", token=token)


def test_sealed_vault_is_down_until_it_is_opened(
    by_token: Prepare, openbao: OpenBao, store: Callable[[], Vault], path: str
) -> None:
    by_token()
    vault = store()
    vault.read(f"secret/{path}#api_key")
    openbao.seal()
    try:
        with pytest.raises(Down, match="sealed"):
            vault.read(f"secret/{path}#api_key")
    finally:
        openbao.unseal()
    assert vault.read(f"secret/{path}#api_key") == SECRET


def test_vault_that_is_not_there_is_down(settings: Settings, store: Callable[[], Vault]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings.ORBIT_VAULT_ADDR = f"http://127.0.0.1:{closed.getsockname()[1]}"
        settings.ORBIT_VAULT_TOKEN = SECRET
        with pytest.raises(Down, match="not reachable") as caught:
            store().read("secret/orbit/a/openai#api_key")
    assert SECRET not in str(caught.value)


def test_silent_vault_is_down_after_its_time(settings: Settings, store: Callable[[], Vault]) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        settings.ORBIT_VAULT_ADDR = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings.ORBIT_SECRET_TIMEOUT_S = 1
        began = time.monotonic()
        with pytest.raises(Down, match="ReadTimeout"):
            store().read("secret/orbit/a/openai#api_key")
    assert time.monotonic() - began < 3


def test_absent_deleted_and_fieldless_secrets_are_gone(
    by_token: Prepare, openbao: OpenBao, store: Callable[[], Vault], path: str
) -> None:
    by_token()
    vault = store()
    with pytest.raises(Gone, match="no such secret"):
        vault.read(f"secret/{path}-2#api_key")
    with pytest.raises(Gone, match="no field 'other'"):
        vault.read(f"secret/{path}#other")
    openbao.ask("DELETE", f"secret/data/{path}")
    with pytest.raises(Gone, match="deleted"):
        vault.read(f"secret/{path}#api_key")


def test_what_the_policy_forbids_is_no_outage(
    by_token: Prepare, openbao: OpenBao, store: Callable[[], Vault], path: str
) -> None:
    by_token()
    openbao.put("elsewhere/openai", api_key=SECRET)
    with pytest.raises(CannotRead, match="policy") as caught:
        store().read("secret/elsewhere/openai#api_key")
    assert not isinstance(caught.value, (Down, Gone))
    assert store().read(f"secret/{path}#api_key") == SECRET


def test_refused_login_tells_no_secret(
    by_approle: Prepare, settings: Settings, store: Callable[[], Vault], path: str
) -> None:
    by_approle()
    settings.ORBIT_VAULT_SECRET_ID = SECRET
    with pytest.raises(CannotRead, match="our login") as caught:
        store().read(f"secret/{path}#api_key")
    assert SECRET not in str(caught.value)


def test_login_is_not_in_a_repr(by_approle: Prepare, store: Callable[[], Vault], path: str) -> None:
    by_approle()
    vault = store()
    vault.read(f"secret/{path}#api_key")
    assert vault._login is not None
    assert vault._login.token not in repr(vault._login)


@pytest.mark.parametrize(
    "name",
    [
        "secret/orbit/a",  # no field
        "secret#api_key",  # no path
        "secret/orbit/../b#api_key",
        "secret/orbit/%2e%2e/b#api_key",
        "secret//orbit#api_key",
        "secret/orbit/a?version=1#api_key",
        "secret/orbit/a#",
        "secret/orbit/a#x#y",
        "secret/orbit/a b#x",
        "/secret/orbit#x",
        "secret/orbit/a/#x",
        "",
    ],
)
def test_name_that_vault_could_read_otherwise_is_refused(
    settings: Settings, store: Callable[[], Vault], name: str
) -> None:
    settings.ORBIT_VAULT_ADDR = "http://127.0.0.1:1"
    with pytest.raises(InputError):
        store().check(name)
    with pytest.raises(InputError):
        store().read(name)
