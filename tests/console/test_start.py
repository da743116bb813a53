from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from orbit.demo.provider.process import ProviderHandle
from orbit.lib import access
from tenants import services
from tenants.models import ApiKey, ModelAlias, Organization, Person, PolicyRevision, ProviderAccount
from tests.console.conftest import make_person, signed_in

SECRET = "sk-demo-5b1d0f7c2a9e4836"


@pytest.fixture
def founder() -> Person:
    return make_person()


@pytest.fixture
def client(founder: Person) -> Client:
    return signed_in(founder)


@pytest.fixture
def organization(client: Client, founder: Person) -> Organization:
    client.post("/organizations/new/", {"name": f"Acme {founder.pk}"})
    with access.scope(person_id=founder.pk):
        return Organization.objects.get()


@pytest.fixture
def path(organization: Organization) -> str:
    return f"/o/{organization.slug}/start/"


@pytest.fixture
def inside(organization: Organization) -> Iterator[None]:
    with access.scope(organization_id=organization.pk):
        yield


def _step(client: Client, path: str) -> str:
    step: str = client.get(path).context["step"]
    return step


def test_founding_makes_an_owner_and_leads_to_the_steps(client: Client, founder: Person) -> None:
    answer = client.post("/organizations/new/", {"name": f"Müller & Söhne {founder.pk}"})
    assert answer.headers["Location"] == f"/o/muller-sohne-{founder.pk}/start/"
    assert _step(client, answer.headers["Location"]) == "account"


@pytest.mark.parametrize(
    ("typed", "about"),
    [
        ({"name": ""}, "slug"),
        ({"name": "Acme", "slug": "NOT A SLUG"}, "slug"),
        ({"name": "x" * 121, "slug": "ok-1"}, "name"),
    ],
)
def test_a_name_that_does_not_do_is_told_by_its_field(
    client: Client, typed: dict[str, str], about: str
) -> None:
    answer = client.post("/organizations/new/", typed)
    assert answer.status_code == 400
    assert answer.context["wrong"].about == about


def test_who_founded_enough_is_not_asked(client: Client, founder: Person, settings: Settings) -> None:
    assert b"Create an organization" in client.get("/organizations/").content
    settings.ORBIT_ORGANIZATIONS_PER_PERSON = 0
    assert b"Create an organization" not in client.get("/organizations/").content
    assert client.post("/organizations/new/", {"name": "Acme"}).status_code == 400


def test_a_provider_that_takes_the_key_is_connected(
    client: Client, path: str, provider: ProviderHandle, inside: None
) -> None:
    typed = {"kind": "openai", "secret": SECRET, "base_url": provider.base_url}
    answer = client.post(f"{path}account/", typed)
    assert answer.status_code == 302, answer.context["wrong"]
    assert ProviderAccount.objects.get().name == "openai"
    shown = client.get(path)
    assert shown.context["step"] == "models"
    offers = dict(shown.context["offers"])
    assert offers["gpt-4o-mini"] is True
    assert offers["text-embedding-3-small"] is False
    assert SECRET.encode() not in shown.content


@pytest.mark.parametrize(
    ("typed", "about"),
    [
        ({"kind": "openai", "base_url": "http://127.0.0.1:9/v1"}, "base_url"),
        ({"kind": "openai", "base_url": "http://169.254.169.254/v1"}, "base_url"),
        ({"kind": "vllm", "base_url": ""}, "base_url"),
        ({"kind": "none", "base_url": ""}, "kind"),
    ],
)
def test_what_does_not_answer_is_not_saved(
    client: Client, path: str, inside: None, typed: dict[str, str], about: str
) -> None:
    answer = client.post(f"{path}account/", typed | {"secret": SECRET})
    assert answer.status_code == 400
    assert answer.context["wrong"].about == about
    assert SECRET.encode() not in answer.content
    assert not ProviderAccount.objects.exists()


def test_a_key_that_is_refused_is_not_saved(
    client: Client, path: str, provider: ProviderHandle, inside: None
) -> None:
    # the demo provider takes keys that begin with sk-demo
    typed = {"kind": "anthropic", "secret": "sk-canary-77aa01", "base_url": provider.base_url}
    answer = client.post(f"{path}account/", typed)
    assert answer.context["wrong"].about == "credential"
    assert "HTTP 401" in answer.context["wrong"].text
    assert not ProviderAccount.objects.exists()


def test_steps_lead_to_a_key_that_is_shown_once(
    client: Client, path: str, organization: Organization, provider: ProviderHandle
) -> None:
    typed = {"kind": "openai", "secret": SECRET, "base_url": provider.base_url}
    client.post(f"{path}account/", typed)
    assert client.post(f"{path}models/", {}).context["wrong"].about == "models"
    client.post(f"{path}models/", {"models": ["gpt-4o-mini"], "others": "gpt-4o, o3"})
    within = access.scope  # only to look: prices are looked up after a commit
    with within(organization_id=organization.pk):
        assert set(ModelAlias.objects.values_list("alias", flat=True)) == {"gpt-4o-mini", "gpt-4o", "o3"}
    shown = client.get(path)
    assert shown.context["step"] == "policy"
    assert [(one.starting.name, one.answers) for one in shown.context["policies"]] == [
        ("trial", 30_000),
        ("team", 600_000),
        ("production", 6_000_000),
    ]
    client.post(f"{path}policy/", {"policy": "trial"})
    with within(organization_id=organization.pk):
        assert PolicyRevision.objects.get().document["limits"][0]["limit"] == "10.00"
    assert _step(client, path) == "key"
    issued = client.post(f"{path}key/", {"project": "first-project", "name": "mine"})
    key = issued.context["key"]
    assert key.startswith("orb_")
    assert issued["Cache-Control"] == "no-store"
    assert issued.content.count(key.encode()) > 5  # shown, tried with, in the snippets
    later = client.get(path)
    assert key.encode() not in later.content
    assert later.context["step"] == "try"
    with within(organization_id=organization.pk):
        assert ApiKey.objects.get().project.name == "First project"


def test_models_can_be_asked_for_again(
    client: Client, path: str, organization: Organization, provider: ProviderHandle
) -> None:
    where: dict[str, Any] = {"organization_id": organization.pk, "actor": "test"}
    credential = services.NewCredential(value=SECRET)
    services.save_account(
        **where, name="main", kind="openai", base_url=provider.base_url, credential=credential
    )
    assert client.get(path).context["offers"] == []
    client.post(f"{path}models/", {"ask": "yes"})
    assert "gpt-4o" in dict(client.get(path).context["offers"])


def test_models_are_all_added_or_none(
    client: Client, path: str, organization: Organization, inside: None
) -> None:
    services.save_account(organization_id=organization.pk, actor="test", name="main", kind="openai")
    answer = client.post(f"{path}models/", {"others": "gpt-4o ###"})
    assert answer.status_code == 400
    assert not ModelAlias.objects.exists()


def test_the_demo_provider_is_there_only_where_it_runs(
    client: Client, path: str, provider: ProviderHandle, settings: Settings, inside: None
) -> None:
    settings.ORBIT_DEMO_PROVIDER_PORT = provider.port
    assert client.get(path).context["demo"] is True
    settings.ORBIT_DEVELOPMENT = False
    assert client.get(path).context["demo"] is False
    client.post(f"{path}demo/")
    assert not ProviderAccount.objects.exists()
    settings.ORBIT_DEVELOPMENT = True
    client.post(f"{path}demo/")
    assert _step(client, path) == "policy"


def test_who_may_not_do_a_step_is_told_who_may(path: str, organization: Organization) -> None:
    person = make_person()
    services.add_member(organization_id=organization.pk, person=person, role="auditor", actor="test")
    shown = signed_in(person).get(path).content.decode()
    assert "accounts.write" in shown
    assert 'action="' + path not in shown


def test_a_call_that_is_not_in_the_ledger_yet_has_no_figures(client: Client, path: str) -> None:
    assert client.get(f"{path}calls/019ab1c2-7d3e-7c11-9a40-5f0d6c1e2b3a/").status_code == 204
