"""Destination and secret of a provider account are one unit."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings

from orbit.lib import access
from orbit.lib.errors import InputError
from tenants.models import Organization, ProviderAccount
from tenants.schema.values import base_url
from tenants.secrets import resolve
from tenants.services import NewCredential, NewTarget, Saved, delete_account, save_account, save_model
from tests.tenants.conftest import SECRET


def _save(organization: Organization, **fields: Any) -> Saved[ProviderAccount]:
    usual: dict[str, Any] = {
        "name": "main",
        "kind": "openai",
        "base_url": "https://api.openai.com/v1",
        "actor": "test",
    }
    return save_account(organization_id=organization.id, **(usual | fields))


def test_the_same_again_changes_nothing(organization: Organization) -> None:
    assert _save(organization, credential=NewCredential(value=SECRET)).created
    assert not _save(organization, credential=NewCredential(value=SECRET)).changed
    assert not _save(organization).changed


@pytest.mark.parametrize(
    "moved",
    [
        {"base_url": "https://elsewhere.example.com/v1"},
        {"base_url": "https://api.openai.com:8443/v1"},
        {"base_url": "https://api.openai.com/v2"},
        {"kind": "openai_compatible", "prices_as": "openai"},
    ],
)
def test_another_destination_voids_the_secret(organization: Organization, moved: dict[str, str]) -> None:
    _save(organization, credential=NewCredential(value=SECRET))
    saved = _save(organization, **moved)
    assert "credential" in saved.fields
    assert saved.row.credential_sealed is None
    assert saved.row.credential_hint == ""


@pytest.mark.parametrize("url", ["https://API.openai.com/v1/", "HTTPS://api.openai.com:443/v1"])
def test_the_same_destination_in_other_words_keeps_the_secret(organization: Organization, url: str) -> None:
    _save(organization, credential=NewCredential(value=SECRET))
    assert not _save(organization, base_url=url).changed
    with access.scope(organization_id=organization.id):
        assert resolve(ProviderAccount.objects.get()).reveal() == SECRET


def test_a_voided_secret_does_not_come_back_with_its_destination(organization: Organization) -> None:
    _save(organization, credential=NewCredential(value=SECRET))
    _save(organization, base_url="https://elsewhere.example.com/v1")
    saved = _save(organization)
    assert saved.row.base_url == "https://api.openai.com/v1"
    assert (saved.row.credential_sealed, saved.row.credential_ref) == (None, "")


@pytest.mark.parametrize(
    ("url", "message", "remedy"),
    [
        ("http://api.openai.com/v1", "must be https", "ORBIT_PRIVATE_TARGETS"),
        ("https://10.0.0.1/v1", "is a private address", "ORBIT_PRIVATE_TARGETS"),
        ("https://intranet/v1", "is a private address", "ORBIT_PRIVATE_TARGETS"),
        ("https://sk-secret@api.openai.com/v1", "must not hold a user name", "store it as the credential"),
        ("https://api.openai.com./v1", "must not end its host with a dot", "write api.openai.com"),
        (
            "https://api.openai.com/v1?key=sk-secret",
            "must not hold a query",
            "write https://api.openai.com/v1",
        ),
        ("https://api.openai.com/v1/../x", "must not hold . or ..", "such as https://api.openai.com/v1"),
        ("api.openai.com/v1", "must read https://host/path", "such as https://api.openai.com/v1"),
        ("https://0x7f.1/", "is no host name", "such as api.openai.com"),
    ],
)
def test_a_refused_address_names_its_field_and_a_remedy_and_keeps_what_was(
    organization: Organization, url: str, message: str, remedy: str
) -> None:
    _save(organization, credential=NewCredential(value=SECRET))
    with pytest.raises(InputError) as caught:
        _save(organization, base_url=url)
    assert caught.value.path == "base_url"
    assert message in caught.value.message
    assert remedy in caught.value.suggestion
    assert "sk-secret" not in str(caught.value)
    with access.scope(organization_id=organization.id):
        account = ProviderAccount.objects.get()
        assert account.base_url == "https://api.openai.com/v1"
        assert resolve(account).reveal() == SECRET


def test_another_destination_voids_the_reference(organization: Organization) -> None:
    _save(organization, credential=NewCredential(ref="env://OPENAI_API_KEY"), by_operator=True)
    assert _save(organization, base_url="https://elsewhere.example.com/v1").row.credential_ref == ""


def test_another_destination_with_its_own_secret_is_fine(organization: Organization) -> None:
    _save(organization, credential=NewCredential(value=SECRET))
    _save(organization, base_url="https://elsewhere.example.com/v1", credential=NewCredential(value="sk-new"))
    with access.scope(organization_id=organization.id):
        assert resolve(ProviderAccount.objects.get()).reveal() == "sk-new"


def test_references_are_for_the_operator(organization: Organization) -> None:
    with pytest.raises(InputError) as caught:
        _save(organization, credential=NewCredential(ref="env://OPENAI_API_KEY"))
    assert caught.value.path == "credential.ref"


@pytest.mark.parametrize(
    "name", ["ORBIT_MASTER_KEY", "orbit_secret_key", "DATABASE_URL", "REDIS_URL", "", "A-B", "A=B"]
)
def test_our_own_secrets_are_no_credentials(organization: Organization, name: str) -> None:
    with pytest.raises(InputError):
        _save(organization, credential=NewCredential(ref=f"env://{name}"), by_operator=True)


@pytest.mark.parametrize("value", ["sk-1\r\nX-Evil: 1", "sk-ä", " sk-1", "sk\x00", "s" * 8_001])
def test_what_cannot_be_a_header_is_refused(organization: Organization, value: str) -> None:
    with pytest.raises(InputError) as caught:
        _save(organization, credential=NewCredential(value=value))
    assert caught.value.path == "credential.value"
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.openai.com/v1",
        "ftp://api.openai.com",
        "https://",
        "https:///v1",
        "api.openai.com/v1",
        "https://user:pass@api.openai.com/v1",
        "https://@api.openai.com/v1",
        "https://api.openai.com/v1?key=1",
        "https://api.openai.com/v1#x",
        "https://api.openai.com\\@127.0.0.1/v1",
        "https://api.openai.com /v1",
        "https://localhost/v1",
        "https://db.localhost/v1",
        "https://127.0.0.1/v1",
        "https://10.1.2.3/v1",
        "https://192.168.1.1:8443/v1",
        "https://169.254.169.254/latest",
        "https://100.100.100.200/",
        "https://0.0.0.0/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://[::1]/v1",
        "https://[fd00:ec2::254]/v1",
        "https://[fe80::1]/v1",
        "https://[::ffff:10.0.0.1]/v1",
        "https://[64:ff9b::a00:1]/v1",
        "https://[2002:a00:1::]/v1",
        "https://[::1",
        "https://host:99999/v1",
        "https://bücher.example/v1",
        "https://127.0.0.1.:443/v1",
    ],
)
def test_no_provider_is_there(url: str) -> None:
    with pytest.raises(InputError):
        base_url(url, [])


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
        ("https://API.OpenAI.com/v1", "https://api.openai.com/v1"),
        ("https://llm.example.com:8443", "https://llm.example.com:8443"),
        ("https://8.8.8.8/v1", "https://8.8.8.8/v1"),
        ("https://[2606:4700::1111]/v1", "https://[2606:4700::1111]/v1"),
    ],
)
def test_a_public_address_is_stored_plainly(url: str, stored: str) -> None:
    assert base_url(url, []) == stored


def test_a_listed_private_target_may_be_plain_http(organization: Organization, settings: Settings) -> None:
    settings.ORBIT_PRIVATE_TARGETS = ["127.0.0.1:9000", "[::1]:9000"]
    assert _save(organization, base_url="http://127.0.0.1:9000/v1").row.base_url == "http://127.0.0.1:9000/v1"
    assert base_url("http://[::1]:9000/v1", settings.ORBIT_PRIVATE_TARGETS) == "http://[::1]:9000/v1"
    with pytest.raises(InputError):
        _save(organization, base_url="http://127.0.0.1:9001/v1")


def test_an_account_in_use_stays(organization: Organization) -> None:
    _save(organization)
    save_model(
        organization_id=organization.id,
        alias="fast",
        targets=[NewTarget("main", "gpt-4o-mini")],
        actor="test",
    )
    with pytest.raises(InputError, match="fast"):
        delete_account(organization_id=organization.id, name="main", actor="test")
