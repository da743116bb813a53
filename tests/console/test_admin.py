from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import OutboxEntry
from audit.services import record_act
from console import navigation
from orbit.lib import access
from tenants import services
from tenants.models import (
    ApiKey,
    Domain,
    IdentityProvider,
    ModelAlias,
    ModelFallback,
    ModelTarget,
    Organization,
    Person,
    Project,
    ProviderAccount,
)
from tests.console.conftest import Tenant, make_person, make_tenant, quarter, signed_in

CANARY = "canary-" + secrets.token_hex(8)
SHARED = {"tenants.Person", "auth.Group", "account.EmailAddress", "mfa.Authenticator"}


def url(model: Any, page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def models() -> Iterator[tuple[Any, Any]]:
    yield from admin.site._registry.items()


@pytest.fixture
def furnished(tenant: Tenant) -> Tenant:
    """A row in every table that has an admin page, with canaries where secrets stand."""
    Authenticator.objects.create(user=tenant.owner, type=Authenticator.Type.TOTP, data={"secret": CANARY})
    with access.scope(organization_id=tenant.organization.pk):
        account = ProviderAccount.objects.create(
            organization=tenant.organization,
            name="main",
            kind="openai",
            base_url="https://api.openai.com/v1",
            prices_as="openai",
            credential_sealed=CANARY.encode(),
            credential_hint="sk-…9f2a",
        )
        IdentityProvider.objects.create(
            organization=tenant.organization,
            issuer="https://login.example.com",
            client_id="orbit",
            secret_sealed=CANARY.encode(),
        )
        Domain.objects.create(organization=tenant.organization, name="example.com", token="0123")
        alias = ModelAlias.objects.create(organization=tenant.organization, alias="fast")
        ModelTarget.objects.create(organization=tenant.organization, alias=alias, account=account, model="m")
        ApiKey.objects.create(
            organization=tenant.organization,
            project=tenant.project,
            name="production",
            digest=(CANARY + secrets.token_hex(8)).encode()[:32],
            hint="orb_7Kd…x3Q",
        )
        record_act(
            organization=tenant.organization.slug,
            shard=tenant.organization.shard,
            actor="a@example.org",
            action="key.issue",
            target="chatbot/production",
        )
    tenant.call(datetime.now(UTC))
    tenant.bucket(quarter(datetime.now(UTC)), requests=1)
    name = f"k-{secrets.token_hex(6)}"
    services.issue_operator_key(name=name, scopes=["usage.read"], actor="test")
    services.issue_operator_client(name=name, scopes=["usage.read"], actor="test")
    return tenant


def first_pk(model: Any) -> Any:
    with access.operator():
        return model._default_manager.order_by("-pk").values_list("pk", flat=True).first()


@pytest.mark.full
def test_every_page_opens_and_shows_no_secret(furnished: Tenant, staff: Client) -> None:
    seen = 0
    for model, _ in models():
        paths = [url(model, "changelist"), url(model, "changelist") + "?q=nothing"]
        if model._meta.label in SHARED - {"mfa.Authenticator"}:
            paths.append(url(model, "add"))
        pk = first_pk(model)
        if pk is not None:
            paths.append(url(model, "change", pk))
            seen += 1
        for path in paths:
            answer = staff.get(path)
            page = answer.content.decode()
            assert answer.status_code == 200, path
            assert CANARY not in page, path
            assert CANARY.encode().hex() not in page, path
    assert seen >= 14


def test_ledger_and_tenants_are_only_looked_at(furnished: Tenant, staff: Client) -> None:
    for model, _ in models():
        if (
            not model._meta.app_label.startswith(("audit", "quotas", "tenants"))
            or model._meta.label in SHARED
        ):
            continue
        assert staff.get(url(model, "add")).status_code == 403
        pk = first_pk(model)
        if pk is not None:
            assert staff.post(url(model, "change", pk), {"name": "changed"}).status_code == 403
            assert staff.post(url(model, "delete", pk), {"post": "yes"}).status_code == 403
        assert staff.post(
            url(model, "changelist"), {"action": "delete_selected", "_selected_action": [pk or 1]}
        ).status_code in {200, 302, 403}
        assert first_pk(model) == pk


def test_operators_suspend_and_resume_with_a_reason_and_an_act(furnished: Tenant, staff: Client) -> None:
    where = furnished.organization.pk
    support = make_person(is_staff=True)
    support.groups.add(Group.objects.get(name="support"))
    for model in (Organization, Project, ApiKey):
        mine = {"pk" if model is Organization else "organization_id": where}
        with access.operator():
            pk = model._default_manager.values_list("pk", flat=True).get(**mine)

        def act(client: Client, action: str, model: Any = model, pk: Any = pk, **more: str) -> bool:
            form = {"action": action, "_selected_action": [str(pk)], **more}
            client.post(url(model, "changelist"), form)
            with access.operator():
                return model._default_manager.get(pk=pk).suspended_at is not None

        assert not act(signed_in(support), "suspend", reason="a leak")
        assert not act(staff, "suspend")
        assert act(staff, "suspend", reason="a leak")
        assert act(signed_in(support), "resume")
        assert not act(staff, "resume")
    with access.scope(organization_id=where):
        acts = [entry.event["detail"] for entry in OutboxEntry.objects.order_by("id")]
    assert [act["action"].split(".")[1] for act in acts[-6:]] == ["suspend", "resume"] * 3
    assert {act["after"]["suspended_for"] for act in acts[-6::2]} == {"a leak"}


def test_a_models_page_shows_its_whole_route(furnished: Tenant, staff: Client) -> None:
    where = {"organization": furnished.organization}
    with access.scope(organization_id=furnished.organization.pk):
        spare = ProviderAccount.objects.create(
            **where, name="spare", kind="vllm", base_url="https://x.example/v1"
        )
        alias = ModelAlias.objects.get(alias="fast")
        ModelTarget.objects.create(**where, alias=alias, account=spare, model="second-target", position=1)
        steady = ModelAlias.objects.create(**where, alias="steady-fallback", deprecated="Use another.")
        ModelFallback.objects.create(**where, alias=alias, fallback=steady)
    page = staff.get(url(ModelAlias, "change", alias.pk)).content.decode()
    assert "second-target" in page
    assert "steady-fallback" in page
    assert "Use another." in staff.get(url(ModelAlias, "change", steady.pk)).content.decode()


def test_an_account_without_a_credential_says_so(furnished: Tenant, staff: Client) -> None:
    with access.scope(organization_id=furnished.organization.pk):
        bare = ProviderAccount.objects.create(
            organization=furnished.organization, name="bare", kind="vllm", base_url="https://x.example/v1"
        )
        main = ProviderAccount.objects.get(name="main")
    assert "sealed" in staff.get(url(ProviderAccount, "change", main.pk)).content.decode()
    assert "sealed" not in staff.get(url(ProviderAccount, "change", bare.pk)).content.decode()


@pytest.mark.full
def test_lists_do_not_query_per_row(furnished: Tenant, staff: Client) -> None:
    def queries(model: Any) -> int:
        with CaptureQueriesContext(connections["operator"]) as captured:
            assert staff.get(url(model, "changelist")).status_code == 200
        return len(captured)

    before = {model: queries(model) for model, _ in models()}
    for _ in range(3):
        more = make_tenant()
        more.call(datetime.now(UTC))
        more.bucket(quarter(datetime.now(UTC)), requests=1)
    assert {model: queries(model) for model, _ in models()} == before


def test_events_are_found_by_id_and_by_organization(furnished: Tenant, other: Tenant, staff: Client) -> None:
    foreign = other.call(datetime.now(UTC))
    event = furnished.events[0]
    for term in (event.event_id, event.request_id, furnished.organization.slug):
        page = staff.get("/admin/audit/event/", {"q": str(term)}).content.decode()
        assert str(event.event_id) in page
        assert str(foreign.event_id) not in page
    answer = staff.get("/admin/audit/event/", {"status": "lease_expired", "q": furnished.organization.slug})
    assert str(event.event_id) not in answer.content.decode()


def test_admin_is_for_staff_and_signs_in_like_everybody() -> None:
    assert Client().get("/admin/")["Location"].startswith("/admin/login/")
    assert Client().get("/admin/login/?next=/admin/")["Location"] == "/accounts/login/?next=%2Fadmin%2F"
    member = signed_in(make_person())
    answer = member.get("/admin/", follow=True)
    assert answer.status_code == 403
    assert b"This is not open to you" in answer.content


def test_leaving_the_admin_signs_out(staff: Client) -> None:
    assert staff.post("/admin/logout/")["Location"] == "/accounts/login/"
    assert staff.get("/organizations/").status_code == 302


def test_staff_cannot_make_themselves_superusers() -> None:
    clerk, chief = make_person(is_staff=True), make_person(is_staff=True, is_superuser=True)
    plain = make_person()
    clerk.user_permissions.set(Permission.objects.filter(content_type__app_label="tenants"))
    client = signed_in(clerk)
    rights = {"is_active": "on", "is_staff": "on", "is_superuser": "on"}
    for person in (clerk, chief, plain):
        client.post(f"/admin/tenants/person/{person.pk}/change/", {"email": person.email, **rights})
        client.post(
            f"/admin/tenants/person/{chief.pk}/password/",
            {"password1": "taken over now", "password2": "taken over now", "usable_password": "true"},
        )
    for person in (clerk, plain):
        person.refresh_from_db()
        assert not person.is_superuser
    plain.refresh_from_db()
    assert not plain.is_staff
    chief.refresh_from_db()
    assert chief.check_password("correct horse battery")


def test_people_can_be_edited(staff: Client) -> None:
    person = make_person()
    answer = staff.post(
        f"/admin/tenants/person/{person.pk}/change/",
        {"email": person.email, "name": "Ada", "is_active": "on"},
    )
    assert answer.status_code == 302
    person.refresh_from_db()
    assert person.name == "Ada"
    assert staff.post(f"/admin/tenants/person/{person.pk}/delete/", {"post": "yes"}).status_code == 403


def test_sidebar_leads_to_every_page(staff: Client) -> None:
    listed = {label for items in navigation.GROUPS.values() for _, label, _ in items}
    assert listed == {f"{model._meta.app_label}.{model._meta.model_name}" for model, _ in models()}
    page = staff.get("/admin/").content.decode()
    for model, _ in models():
        assert f'href="{url(model, "changelist")}"' in page


def test_deactivating_somebody_ends_sessions_and_own_keys_and_leaves_traces(
    tenant: Tenant, staff: Client
) -> None:
    person = tenant.owner
    where: dict[str, Any] = {"organization_id": tenant.organization.pk, "actor": "test"}
    services.issue_key(**where, project="chatbot", name="own", owner=person.email)
    client = signed_in(person)
    assert client.get(tenant.path).status_code == 200
    form = {"action": "deactivate", "_selected_action": [person.pk]}
    assert "1 deactivated." in staff.post(url(Person, "changelist"), form, follow=True).content.decode()
    assert client.get(tenant.path).status_code == 302
    with access.scope(organization_id=tenant.organization.pk):
        assert ApiKey.objects.get(name="own").revoked_at is not None
        assert OutboxEntry.objects.latest("id").event["detail"]["action"] == "member.deactivate"
    entry = LogEntry.objects.get(object_id=str(person.pk))
    assert entry.get_change_message() == "deactivated"
    assert "0 deactivated." in staff.post(url(Person, "changelist"), form, follow=True).content.decode()
    staff.post(url(Person, "changelist"), form | {"action": "activate"})
    person.refresh_from_db()
    assert person.is_active
    assert client.get(tenant.path).status_code == 302


def test_the_form_itself_deactivates_nobody(staff: Client) -> None:
    """It would end neither keys nor sessions: that is the action's."""
    person = make_person()
    staff.post(f"/admin/tenants/person/{person.pk}/change/", {"email": person.email, "name": "Ada"})
    person.refresh_from_db()
    assert (person.name, person.is_active) == ("Ada", True)


@pytest.mark.parametrize("action", ["deactivate", "end_sessions", "lift_lockout"])
def test_operator_who_is_no_superuser_does_none_of_it_to_staff(action: str) -> None:
    clerk, chief = make_person(is_staff=True), make_person(is_staff=True, is_superuser=True)
    clerk.groups.add(Group.objects.get(name="operator"))
    theirs = signed_in(chief)
    many = {"action": action, "_selected_action": [chief.pk]}
    page = signed_in(clerk).post(url(Person, "changelist"), many, follow=True)
    assert page.status_code == 200
    assert "0 " in page.content.decode()
    chief.refresh_from_db()
    assert chief.is_active
    assert theirs.get("/organizations/").status_code == 200
    assert not LogEntry.objects.filter(object_id=str(chief.pk)).exists()


def test_operators_credentials_are_revoked_here_by_who_may(staff: Client) -> None:
    name = f"k-{secrets.token_hex(6)}"
    key, _ = services.issue_operator_key(name=name, scopes=["usage.read"], actor="test")
    client, _ = services.issue_operator_client(name=name, scopes=["usage.read"], actor="test")
    support = make_person(is_staff=True)
    support.groups.add(Group.objects.get(name="support"))
    for row in (key, client):
        model: Any = type(row)
        form = {"action": "revoke", "_selected_action": [str(row.pk)]}
        for who, ended in ((signed_in(support), False), (staff, True)):
            assert name in who.get(url(model, "changelist")).content.decode()
            who.post(url(model, "changelist"), form)
            with access.operator():
                assert (model.objects.get(pk=row.pk).revoked_at is not None) is ended


def test_allauths_own_pages_for_clients_and_tokens_are_not_there(staff: Client) -> None:
    for path in ("client", "token"):
        assert staff.get(f"/admin/allauth_idp_oidc/{path}/").status_code == 404
