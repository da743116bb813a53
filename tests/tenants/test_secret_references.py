"""Which references an organization may name, and that an account without its store says so when it is saved."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from pytest_django import Settings

from orbit.lib.errors import InputError
from tenants.models import Organization, ProviderAccount
from tenants.secrets import store
from tenants.services import NewCredential, create_organization, save_account
from tests.tenants.conftest import Apply, export


@pytest.fixture(autouse=True)
def all_stores(settings: Settings) -> None:
    settings.ORBIT_VAULT_ADDR = "http://127.0.0.1:1"
    settings.ORBIT_VAULT_TOKEN = "unused"
    settings.ORBIT_AWS_REGION = "eu-central-1"
    settings.ORBIT_AZURE_VAULTS = ["keys", "other=https://other.example:8443/"]


def save(organization: Organization, ref: str, **fields: Any) -> ProviderAccount:
    return save_account(
        organization_id=organization.id,
        name="main",
        kind="openai",
        actor="test",
        credential=NewCredential(ref=ref),
        **fields,
    ).row


OWN = [
    "vault://secret/orbit/{slug}/openai#api_key",
    "vault://secret/orbit/{slug}/a/b.c/d_e#api-key",
    "aws-sm://orbit/{slug}/openai",
    "aws-sm://orbit/{slug}/openai#api_key",
    "azure-kv://keys/orbit-{azure}-openai",
    "azure-kv://other/orbit-{azure}-OpenAI-2",
]
FOREIGN = [
    "vault://secret/orbit/other/openai#api_key",
    "vault://secret/orbit/{slug}x/openai#api_key",
    "vault://secret/orbit/{slug}-2/openai#api_key",
    "vault://secret/orbit#api_key",
    "vault://secret/orbit/{slug}#api_key",
    "vault://other/orbit/{slug}/openai#api_key",
    "vault://secret/data/orbit/{slug}/openai#api_key",
    "aws-sm://orbit/other/openai",
    "aws-sm://orbit/{slug}-2/openai",
    "aws-sm://orbit/{slug}",
    "aws-sm://openai",
    "azure-kv://keys/orbit-other-openai",
    "azure-kv://keys/orbit-{azure}--2-openai",
    "azure-kv://keys/orbit-{azure}2-openai",
    "azure-kv://keys/ORBIT-{azure}-openai",
    "azure-kv://keys/openai",
    "env://OPENAI_API_KEY",
]
MALFORMED = [
    "vault://secret/orbit/{slug}/../other/openai#api_key",
    "vault://secret/orbit/{slug}/./openai#api_key",
    "vault://secret/orbit/{slug}/%2e%2e/openai#api_key",
    "vault://secret/orbit/{slug}/openai",
    "aws-sm://orbit/{slug}/../other",
    "aws-sm://arn:aws:secretsmanager:eu-central-1:1:secret:orbit/{slug}/x",
    "azure-kv://stranger/orbit-{azure}-openai",
    "azure-kv://keys/orbit-{azure}-openai/1",
    "azure-kv://keys@evil.example/orbit-{azure}-openai",
    "azure-kv://other=https:",
    "gcp-sm://orbit/{slug}/openai",
    "orbit/{slug}/openai",
]


def of(organization: Organization, ref: str) -> str:
    return ref.format(slug=organization.slug, azure=organization.slug.replace("-", "--"))


@pytest.mark.parametrize("ref", OWN)
def test_own_part_of_a_store_may_be_named(organization: Organization, ref: str) -> None:
    ref = of(organization, ref)
    assert save(organization, ref).credential_ref == ref


@pytest.mark.parametrize("ref", [*FOREIGN, *MALFORMED])
def test_nothing_else_may_be_named(organization: Organization, ref: str) -> None:
    with pytest.raises(InputError) as caught:
        save(organization, of(organization, ref))
    assert caught.value.path == "credential.ref"
    assert caught.value.suggestion


@pytest.mark.parametrize("ref", [one for one in FOREIGN if one != "vault://secret/orbit#api_key"])
def test_operator_may_name_what_is_elsewhere(organization: Organization, ref: str) -> None:
    ref = of(organization, ref)
    assert save(organization, ref, by_operator=True).credential_ref == ref


@pytest.mark.parametrize("ref", MALFORMED)
def test_operator_is_told_of_what_no_store_has(organization: Organization, ref: str) -> None:
    with pytest.raises(InputError):
        save(organization, of(organization, ref), by_operator=True)


def test_operators_reference_does_not_follow_to_another_address(organization: Organization) -> None:
    ref = "vault://secret/shared/openai#api_key"
    save(organization, ref, by_operator=True)
    with pytest.raises(InputError):
        save(organization, ref, base_url="https://elsewhere.example.com/v1")


@pytest.mark.parametrize(("one", "another"), [("a", "a-b"), ("a", "a--b"), ("a-b", "a--b"), ("a-b", "a-b-c")])
def test_hyphens_do_not_lead_into_another_organization(one: str, another: str) -> None:
    """Names in Azure have no slashes, so the slug must end where it ends."""
    end = secrets.token_hex(4)
    mine = create_organization(slug=f"{end}-{one}", actor="test")
    for rest in ("openai", "b-openai", "c-openai", "-openai"):
        theirs = f"azure-kv://keys/orbit-{f'{end}-{another}'.replace('-', '--')}-{rest}"
        with pytest.raises(InputError):
            save(mine, theirs)


def test_prefix_may_be_the_id_which_is_never_given_again(
    organization: Organization, settings: Settings
) -> None:
    settings.ORBIT_SECRET_PREFIX = "llm/{id}"
    save(organization, f"vault://secret/llm/{organization.id}/openai#api_key")
    with pytest.raises(InputError, match=str(organization.id)):
        save(organization, f"vault://secret/llm/{organization.slug}/openai#api_key")


@pytest.mark.parametrize(
    ("ref", "setting"),
    [
        ("vault://secret/orbit/a/openai#x", "ORBIT_VAULT_ADDR"),
        ("aws-sm://orbit/a/openai", "ORBIT_AWS_REGION"),
        ("azure-kv://keys/orbit-a-openai", "ORBIT_AZURE_VAULTS"),
    ],
)
def test_store_that_is_not_set_up_names_its_setting(
    organization: Organization, settings: Settings, ref: str, setting: str
) -> None:
    setattr(settings, setting, [] if setting.endswith("S") else "")
    with pytest.raises(InputError, match="set up") as caught:
        save(organization, ref, by_operator=True)
    assert setting in caught.value.suggestion


@pytest.mark.parametrize(
    ("ref", "file"),
    [("aws-sm://orbit/a/openai", "aws.txt"), ("azure-kv://keys/orbit-a-openai", "azure.txt")],
)
def test_absent_sdk_names_what_to_install(
    organization: Organization, monkeypatch: pytest.MonkeyPatch, ref: str, file: str
) -> None:
    monkeypatch.setattr(store, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="not installed") as caught:
        save(organization, ref, by_operator=True)
    assert f"requirements/{file}" in caught.value.suggestion


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("ORBIT_SECRET_PREFIX", "orbit", "E005"),
        ("ORBIT_SECRET_PREFIX", "orbit-{slug}", "E005"),
        ("ORBIT_SECRET_PREFIX", "orbit/{slug}/", "E005"),
        ("ORBIT_SECRET_PREFIX", "../{slug}", "E005"),
        ("ORBIT_SECRET_PREFIX", "orbit-/{slug}", "E005"),
        ("ORBIT_VAULT_ADDR", "vault.example:8200", "E006"),
        ("ORBIT_VAULT_TOKEN", "", "E006"),
        ("ORBIT_AZURE_VAULTS", ["keys=http://keys.example"], "E007"),
    ],
)
def test_unusable_settings_are_refused_by_name(
    settings: Settings, name: str, value: Any, number: str
) -> None:
    call_command("check", "--tag", "security")
    setattr(settings, name, value)
    with pytest.raises(SystemCheckError, match=f"(?s){number}.*{name}"):
        call_command("check", "--tag", "security")


def test_file_names_references_and_is_written_back_with_them(apply: Apply, slug: str) -> None:
    refs = {"one": f"vault://secret/orbit/{slug}/openai#api_key", "two": f"aws-sm://orbit/{slug}/openai"}
    accounts = [{"name": name, "kind": "openai", "credential": {"ref": ref}} for name, ref in refs.items()]
    answer = apply({"slug": slug, "provider_accounts": accounts})
    assert (answer.code, answer.json["changed"]) == (0, True), answer.err
    assert not apply({"slug": slug, "provider_accounts": accounts}).json["changed"]
    assert {one["name"]: one["credential"]["ref"] for one in export(slug)["provider_accounts"]} == refs
    accounts[0]["credential"] = {"ref": "vault://secret/openai"}
    wrong = apply({"slug": slug, "provider_accounts": accounts})
    path = "organizations[0].provider_accounts[0].credential.ref"
    assert "vault://mount/path#field" in wrong.error_at(path)["suggestion"]
