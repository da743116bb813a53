"""Each kind of account fills in what its provider is known for, and asks for the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from genai_prices.data_snapshot import get_snapshot

from orbit.lib.errors import InputError
from tenants import kinds
from tenants.kinds import Kind
from tenants.models import Organization
from tenants.schema.values import base_url
from tenants.services import NewCredential, save_account
from tests.tenants.conftest import SECRET, Apply, export
from tests.tenants.test_apply_refuses import changed

ALL = list(kinds.BY_NAME.values())
HOSTED = [kind for kind in ALL if kind.base_url]
OWN_SERVERS = {"vllm", "ollama"}
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "apply.md"


def _name(kind: Kind) -> str:
    return kind.name


@pytest.mark.parametrize("kind", HOSTED, ids=_name)
def test_a_hosted_kind_needs_only_a_name(apply: Apply, slug: str, kind: Kind) -> None:
    account = {"name": "main", "kind": kind.name}
    assert apply({"slug": slug, "provider_accounts": [account]}).code == 0
    (made,) = export(slug)["provider_accounts"]
    assert made == account | {"base_url": kind.base_url, "prices_as": kind.prices_as}


@pytest.mark.parametrize("kind", sorted(OWN_SERVERS))
def test_an_own_server_needs_an_address_and_no_credential(apply: Apply, slug: str, kind: str) -> None:
    account = {"name": "main", "kind": kind}
    refused = apply({"slug": slug, "provider_accounts": [account]})
    assert refused.error_at("organizations[0].provider_accounts[0].base_url")["message"] == "is missing"
    account["base_url"] = "https://llm.example.com/v1"
    done = apply({"slug": slug, "provider_accounts": [account]})
    assert done.code == 0
    assert "no credential" not in done.err
    assert export(slug)["provider_accounts"] == [account | {"prices_as": kind}]


def test_a_kind_that_needs_a_credential_is_warned_about(apply: Apply, slug: str) -> None:
    answer = apply({"slug": slug, "provider_accounts": [{"name": "main", "kind": "anthropic"}]})
    assert "the account has no credential: none is given" in answer.err


def test_a_dropped_credential_is_warned_about_where_none_is_needed(
    apply: Apply, entry: dict[str, Any]
) -> None:
    own = {"name": "own", "kind": "vllm", "base_url": "https://llm.example.com/v1"}
    apply(changed(entry, ("provider_accounts", 1), own | {"credential": {"ref": "env://ACME_KEY"}}))
    moved = own | {"base_url": "https://elsewhere.example.com/v1"}
    answer = apply(changed(entry, ("provider_accounts", 1), moved))
    assert "it was dropped with the old address" in answer.err


@pytest.mark.parametrize("kind", ALL, ids=_name)
def test_prices_are_looked_up_under_a_name_that_the_price_book_has(kind: Kind) -> None:
    """Or, for one's own servers, under one that it does not have, so that their models are unpriced."""
    listed = {provider.id for provider in get_snapshot().providers}
    assert kind.prices_as is None or (kind.prices_as in listed) == (kind.name not in OWN_SERVERS)


@pytest.mark.parametrize("kind", HOSTED, ids=_name)
def test_a_default_address_is_stored_as_it_stands(kind: Kind) -> None:
    assert kind.base_url is not None
    assert kind.complete(base_url(kind.base_url, [])) == kind.base_url


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("https://api.anthropic.com", "https://api.anthropic.com/v1"),
        ("https://api.anthropic.com/v1/", "https://api.anthropic.com/v1"),
        ("https://llm.example.com/anthropic", "https://llm.example.com/anthropic/v1"),
        ("https://llm.example.com/v1beta", "https://llm.example.com/v1beta/v1"),
    ],
)
def test_anthropics_address_may_be_what_its_sdk_takes(
    apply: Apply, slug: str, organization: Organization, given: str, stored: str
) -> None:
    account: dict[str, Any] = {"name": "main", "kind": "anthropic", "base_url": given}
    assert apply({"slug": slug, "provider_accounts": [account]}).code == 0
    assert export(slug)["provider_accounts"][0]["base_url"] == stored
    assert not save_account(organization_id=organization.id, actor="test", **account).changed


def test_the_same_address_written_otherwise_keeps_the_secret(organization: Organization) -> None:
    usual: dict[str, Any] = {
        "organization_id": organization.id,
        "name": "a",
        "kind": "anthropic",
        "actor": "t",
    }
    save_account(**usual, credential=NewCredential(value=SECRET))
    assert not save_account(**usual, base_url="https://api.anthropic.com").changed


@pytest.mark.parametrize("kind", [kind.name for kind in ALL if kind.name != "openai"])
def test_another_kind_voids_the_secret(organization: Organization, kind: str) -> None:
    """Also at the same address: how a secret is sent is the kind's."""
    usual: dict[str, Any] = {
        "organization_id": organization.id,
        "name": "a",
        "base_url": "https://llm.example.com/v1",
        "prices_as": "openai",
        "actor": "test",
    }
    save_account(**usual, kind="openai", credential=NewCredential(value=SECRET))
    saved = save_account(**usual, kind=kind)
    assert saved.fields == ("kind", "credential")
    assert saved.row.credential_sealed is None


def test_an_address_that_is_not_given_is_asked_for(organization: Organization) -> None:
    with pytest.raises(InputError, match="is missing") as caught:
        save_account(organization_id=organization.id, name="a", kind="vllm", actor="test")
    assert caught.value.path == "base_url"


def test_every_kind_is_documented_with_its_defaults() -> None:
    text = DOCUMENT.read_text()
    for kind in ALL:
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{kind.name}` |")]
        for default in (kind.base_url, kind.prices_as):
            assert f"`{default}`" in row if default else "must be given" in row
