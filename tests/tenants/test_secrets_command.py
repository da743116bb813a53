"""`manage.py secrets`: an account's credential is tried, and all are sealed anew under a new master key."""

from __future__ import annotations

import base64
import os
import secrets
from typing import Any

import pytest
from pytest_django import Settings

from billing.alerts.models import Alert
from billing.alerts.rules import hook_of, save_alert
from orbit.lib import access
from tenants.models import Organization, ProviderAccount
from tenants.secrets import local, resolve
from tenants.secrets.stores import USAGE
from tenants.services import NewCredential, rewrap_credentials, save_account
from tests.openbao import OpenBao
from tests.tenants.conftest import SECRET, run


def save(organization: Organization, name: str, credential: NewCredential) -> ProviderAccount:
    return save_account(
        organization_id=organization.id,
        name=name,
        kind="openai",
        credential=credential,
        actor="test",
        by_operator=True,
    ).row


def test_reference_is_tried_at_its_store(
    organization: Organization, openbao: OpenBao, settings: Settings
) -> None:
    settings.ORBIT_VAULT_ADDR, settings.ORBIT_VAULT_TOKEN = openbao.url, openbao.token
    path = f"orbit/{organization.slug}/openai"
    save(organization, "main", NewCredential(ref=f"vault://secret/{path}#api_key"))
    absent = run("secrets", "test", organization.slug, "main")
    assert (absent.code, absent.out) == (3, "")
    assert "no such secret" in absent.err
    openbao.put(path, api_key=SECRET)
    found = run("secrets", "test", organization.slug, "main")
    assert found.code == 0
    assert f"vault://secret/{path}#api_key" in found.out
    assert SECRET not in found.out + found.err
    openbao.put(path, api_key=f"{SECRET}\n{SECRET}")
    unfit = run("secrets", "test", organization.slug, "main")
    assert unfit.code == 3
    assert SECRET not in unfit.out + unfit.err


def test_sealed_credential_is_tried_too(organization: Organization, settings: Settings) -> None:
    save(organization, "main", NewCredential(value=SECRET))
    assert run("secrets", "test", organization.slug, "main").code == 0
    settings.ORBIT_MASTER_KEY = f"2:{base64.b64encode(os.urandom(32)).decode()}"
    answer = run("secrets", "test", organization.slug, "main")
    assert answer.code == 3
    assert "master key version 1" in answer.err


def test_what_is_not_there_is_bad_input(organization: Organization) -> None:
    assert run("secrets", "test", organization.slug, "absent").code == 2
    assert run("secrets", "test", f"x-{secrets.token_hex(4)}", "main").code == 2


@pytest.fixture
def rotating(settings: Settings) -> tuple[str, str]:
    """The settings with a second key put first, and those without the first."""
    old, new = settings.ORBIT_MASTER_KEY, base64.b64encode(os.urandom(32)).decode()
    assert ":" not in old
    return f"2:{new},1:{old}", f"2:{new}"


def test_rewrapped_credentials_do_without_the_old_key(
    organization: Organization, settings: Settings, rotating: tuple[str, str]
) -> None:
    for name in ("one", "two"):
        save(organization, name, NewCredential(value=f"{SECRET}-{name}"))
    with access.scope(organization_id=organization.id):
        version = Organization.objects.get().version
    settings.ORBIT_MASTER_KEY = rotating[0]
    assert rewrap_credentials(organization_id=organization.id, actor="test").count == 2
    assert rewrap_credentials(organization_id=organization.id, actor="test").count == 0
    settings.ORBIT_MASTER_KEY = rotating[1]
    with access.scope(organization_id=organization.id):
        for account in ProviderAccount.objects.all():
            assert resolve(account).reveal() == f"{SECRET}-{account.name}"
        assert Organization.objects.get().version == version  # the secrets are the same, so nobody reloads


def test_usage_credentials_and_webhooks_of_alerts_are_sealed_anew_too(
    organization: Organization, settings: Settings, rotating: tuple[str, str]
) -> None:
    where: dict[str, Any] = {"organization_id": organization.id, "actor": "test"}
    save_account(**where, name="main", kind="openai", usage_credential=NewCredential(value=SECRET))
    hook = f"https://hooks.example.com/{SECRET}"
    for name in ("fine", "damaged"):
        save_alert(**where, name=name, percents=[80], hook_url=hook)
    with access.scope(organization_id=organization.id):
        fine = Alert.objects.get(name="fine")
        Alert.objects.filter(name="damaged").update(hook_sealed=fine.hook_sealed)
    settings.ORBIT_MASTER_KEY = rotating[0]
    done = rewrap_credentials(organization_id=organization.id, actor="test")
    assert (done.count, done.damaged) == (2, ("webhook of the alert damaged",))
    assert rewrap_credentials(organization_id=organization.id, actor="test").count == 0
    settings.ORBIT_MASTER_KEY = rotating[1]
    with access.scope(organization_id=organization.id):
        assert resolve(ProviderAccount.objects.get(), USAGE).reveal() == SECRET
        opened = hook_of(Alert.objects.get(name="fine"))
    assert opened is not None
    assert opened.url == hook


def test_credential_that_does_not_open_is_named_and_left(
    organization: Organization, settings: Settings, rotating: tuple[str, str]
) -> None:
    fine, damaged = (save(organization, name, NewCredential(value=SECRET)) for name in ("fine", "damaged"))
    with access.scope(organization_id=organization.id):
        ProviderAccount.objects.filter(pk=damaged.pk).update(credential_sealed=fine.credential_sealed)
    settings.ORBIT_MASTER_KEY = rotating[0]
    done = rewrap_credentials(organization_id=organization.id, actor="test")
    assert (done.count, done.damaged) == (1, ("damaged",))
    with access.scope(organization_id=organization.id):
        left = ProviderAccount.objects.get(name="damaged")
    assert local.key_version(bytes(left.credential_sealed or b"")) == 1


def test_rewrap_goes_through_all_organizations(
    organization: Organization,
    other: Organization,
    settings: Settings,
    rotating: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    accounts = [save(one, "main", NewCredential(value=SECRET)) for one in (organization, other)]
    # other tests' organizations keep the key that their gateway knows
    ids = {one.slug: one.id for one in (organization, other)}
    monkeypatch.setattr("tenants.management.commands.secrets.organization_ids", lambda slugs: ids)
    monkeypatch.setattr("tenants.second_factors.rewrap", lambda: (3, []))
    settings.ORBIT_MASTER_KEY = rotating[0]
    assert run("secrets", "rewrap").out == (
        "2 credentials were sealed under the newest master key.\n3 second factors were.\n"
    )
    for account in accounts:
        with access.scope(organization_id=account.organization_id):
            sealed = ProviderAccount.objects.get().credential_sealed
        assert local.key_version(bytes(sealed or b"")) == 2
