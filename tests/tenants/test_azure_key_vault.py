"""Secrets in Azure Key Vault: the real SDK finds the machine's identity, in a fake of Azure in another process."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tenants.secrets.azure import KeyVault
from tenants.secrets.secret import CannotRead, Down, Gone
from tests.azure import IDENTITY_HEADER
from tests.cloud import Azure, free_port, running_azure
from tests.tenants.conftest import SECRET


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    with running_azure(tmp_path_factory.mktemp("azure")) as cloud:
        yield cloud


@pytest.fixture
def store(azure: Azure, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyVault]:
    for name, value in azure.environment.items():
        monkeypatch.setenv(name, value)
    settings.ORBIT_AZURE_VAULTS = [f"keys={azure.vault_url}"]
    settings.ORBIT_AZURE_CA_FILE = azure.ca_file
    store = KeyVault()
    yield store
    store.close()


@pytest.fixture
def name() -> str:
    return f"orbit-{secrets.token_hex(6)}-openai"


def test_secret_is_read_with_the_machines_own_identity(azure: Azure, store: KeyVault, name: str) -> None:
    azure.tell("/put", {name: SECRET})
    assert store.read(f"keys/{name}") == SECRET


def test_new_value_is_what_is_read_next_with_the_same_token(azure: Azure, store: KeyVault, name: str) -> None:
    azure.tell("/put", {name: "sk-old"})
    assert store.read(f"keys/{name}") == "sk-old"
    issued = azure.tell("/put", {name: "sk-new"})["issued"]
    assert store.read(f"keys/{name}") == "sk-new"
    assert azure.tell("/put", {})["issued"] == issued


def test_absent_and_disabled_secrets_are_gone(azure: Azure, store: KeyVault, name: str) -> None:
    with pytest.raises(Gone, match="no such secret"):
        store.read(f"keys/{name}")
    azure.tell("/put", {name: SECRET})
    azure.tell("/disable", name)
    with pytest.raises(Gone, match="disabled"):
        store.read(f"keys/{name}")


def test_what_the_identity_may_not_read_is_no_outage(azure: Azure, store: KeyVault, name: str) -> None:
    azure.tell("/forbid", name)
    with pytest.raises(CannotRead, match="refuses") as caught:
        store.read(f"keys/{name}")
    assert not isinstance(caught.value, (Down, Gone))


def test_token_that_the_vault_refuses_is_replaced(azure: Azure, store: KeyVault, name: str) -> None:
    azure.tell("/put", {name: SECRET})
    store.read(f"keys/{name}")
    azure.tell("/revoke")
    assert store.read(f"keys/{name}") == SECRET


@pytest.mark.parametrize("status", [429, 500, 503])
def test_vault_in_trouble_is_down(azure: Azure, store: KeyVault, name: str, status: int) -> None:
    azure.tell("/put", {name: SECRET})
    azure.tell("/status", status)
    try:
        with pytest.raises(Down, match=str(status)):
            store.read(f"keys/{name}")
    finally:
        azure.tell("/status", 0)
    assert store.read(f"keys/{name}") == SECRET


def test_vault_that_is_away_is_down(store: KeyVault, settings: Settings, name: str) -> None:
    settings.ORBIT_AZURE_VAULTS = [f"keys=https://127.0.0.1:{free_port()}"]
    with pytest.raises(Down, match="not reachable"):
        store.read(f"keys/{name}")


def test_vault_that_cannot_prove_its_name_gets_no_token(
    azure: Azure, settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for variable, value in azure.environment.items():
        monkeypatch.setenv(variable, value)
    settings.ORBIT_AZURE_VAULTS = [f"keys={azure.vault_url}"]
    settings.ORBIT_AZURE_CA_FILE = ""
    store = KeyVault()
    with pytest.raises(Down, match="ConnectError"):
        store.read(f"keys/{name}")
    store.close()


def test_gateway_without_an_identity_says_so(
    store: KeyVault, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    with pytest.raises(Down, match="no token") as caught:
        store.read(f"keys/{name}")
    assert IDENTITY_HEADER not in str(caught.value)


def test_talkative_log_has_neither_secret_nor_token(
    azure: Azure, store: KeyVault, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    azure.tell("/put", {name: SECRET})
    store.read(f"keys/{name}")
    for canary in (SECRET, IDENTITY_HEADER, "azure-token-"):
        assert canary not in caplog.text
    assert "azure-token-" not in repr(vars(store))
