"""Secrets in AWS Secrets Manager: the real SDK against the moto server."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from pytest_django import Settings

from tenants.secrets.aws import SecretsManager
from tenants.secrets.secret import Down, Gone
from tests.cloud import Cloud, free_port, running_aws
from tests.tenants.conftest import SECRET


@pytest.fixture(scope="module")
def aws() -> Iterator[Cloud]:
    with running_aws() as cloud:
        yield cloud


@pytest.fixture
def store(aws: Cloud, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretsManager]:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    settings.ORBIT_AWS_REGION = "eu-central-1"
    store = SecretsManager()
    yield store
    store.close()


@pytest.fixture
def admin(store: SecretsManager) -> Iterator[Any]:
    client = import_module("boto3.session").Session().client("secretsmanager", region_name="eu-central-1")
    yield client
    client.close()


@pytest.fixture
def name() -> str:
    return f"orbit/{secrets.token_hex(6)}/openai"


def test_text_and_fields_are_read(store: SecretsManager, admin: Any, name: str) -> None:
    admin.create_secret(Name=name, SecretString=SECRET)
    assert store.read(name) == SECRET
    admin.create_secret(Name=f"{name}-all", SecretString=f'{{"api_key": "{SECRET}", "number": 1}}')
    assert store.read(f"{name}-all#api_key") == SECRET
    for field in ("absent", "number"):
        with pytest.raises(Gone, match=field):
            store.read(f"{name}-all#{field}")
    with pytest.raises(Gone, match="no JSON object") as caught:
        store.read(f"{name}#api_key")
    assert SECRET not in str(caught.value)


def test_new_version_is_what_is_read_next(store: SecretsManager, admin: Any, name: str) -> None:
    admin.create_secret(Name=name, SecretString="sk-old")
    assert store.read(name) == "sk-old"
    admin.put_secret_value(SecretId=name, SecretString="sk-new")
    assert store.read(name) == "sk-new"


def test_absent_and_deleted_secrets_are_gone(store: SecretsManager, admin: Any, name: str) -> None:
    with pytest.raises(Gone, match="no such secret"):
        store.read(name)
    admin.create_secret(Name=name, SecretString=SECRET)
    assert store.read(name) == SECRET
    admin.delete_secret(SecretId=name)  # it could be restored for some days
    with pytest.raises(Gone, match="no such secret"):
        store.read(name)


def test_bytes_are_no_credential(store: SecretsManager, admin: Any, name: str) -> None:
    admin.create_secret(Name=name, SecretBinary=SECRET.encode())
    with pytest.raises(Gone, match="no text"):
        store.read(name)


def test_service_that_is_away_is_down(
    store: SecretsManager, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Down, match="not reachable"):
        store.read(name)


def test_gateway_without_an_identity_says_so(
    store: SecretsManager, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable)
    with pytest.raises(Down, match="NoCredentialsError"):
        store.read(name)


def test_talkative_log_has_neither_secret_nor_key(
    aws: Cloud, store: SecretsManager, admin: Any, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The SDK's own would have the whole answer."""
    caplog.set_level(logging.DEBUG)
    admin.create_secret(Name=name, SecretString=SECRET)
    store.read(name)
    for canary in (SECRET, aws.environment["AWS_SECRET_ACCESS_KEY"]):
        assert canary not in caplog.text
