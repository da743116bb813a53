"""Every address of the admin as every kind of person; and what staff reach with forged forms."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.test import Client

from console.operators import ROLES
from tenants.models import Person
from tests.console import test_admin
from tests.console.conftest import Tenant, make_person, signed_in
from tests.console.test_admin import SHARED, first_pk
from tests.tenants import canaries
from tests.tenants.every_table import MODELS
from tests.tenants.routes import ADMIN, PARAMETER, Known, addresses, every_route


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("ERROR", "django.request")  # hundreds of refusals are no news


furnished = test_admin.furnished  # the fixture: a row in most tables that have an admin page
# What an address ends in. An object's own leads on to its page, whoever may look at that.
LEADS_ON = "/"
WORDS = {
    "": "view",
    "add/": "add",
    "/change/": "view",
    "/history/": "view",
    "/delete/": "delete",
    "/password/": "change",
    "find/": "view",
}
# What only a superuser writes: each is a way to become one.
FOR_SUPERUSERS = {"auth.group", "account.emailaddress"}
OF_STAFF = {
    "admin/", "admin/search/", "admin/jsi18n/", "admin/autocomplete/", "admin/login/", "admin/logout/",
    "admin/password_change/", "admin/password_change/done/",
}  # fmt: skip
REGISTERED = {model._meta.label_lower: model for model in admin.site._registry}
SLOW = {"operator", "superuser", "billing"}  # who see most, as does support
EVERYBODY = ("anonymous", "member", "without", *ROLES, "superuser")


def person_of(role: str) -> Person | None:
    if role == "anonymous":
        return None
    if role == "member":
        return make_person()
    if role == "superuser":
        return make_person(is_staff=True, is_superuser=True)
    person = make_person(is_staff=True)
    if role in ROLES:
        person.groups.add(Group.objects.get(name=role))
    return person


def client_of(person: Person | None) -> Client:
    return Client() if person is None else signed_in(person)


def admin_pages(tenant: Tenant) -> Iterator[tuple[str, str, str]]:
    """Address, the model it is about, and what it is for: `change/`, or nothing for the list."""
    ids = {label: [str(first_pk(model) or 1)] for label, model in REGISTERED.items()}
    known = Known("x", ids | {"tenants.person": [str(tenant.owner.pk)]})
    for route, _ in every_route():
        found = ADMIN.match(route)
        label = ".".join(found.groups()) if found else ""
        if found and label in REGISTERED:
            yield addresses(route, known)[0], label, PARAMETER.sub("", route.removeprefix(found[0]))


def may(person: Person, label: str, what: str) -> bool:
    """By the permissions alone, as docs/permissions.md has them."""
    app, _, model = label.partition(".")
    word = WORDS[what]
    if person.is_superuser and word == "view":
        return True
    if word != "view":
        if label in FOR_SUPERUSERS:
            return person.is_superuser
        if (label in READ_ONLY) or (label == "tenants.person" and word == "delete"):
            return False
        if label in OF_PEOPLE and word != "delete":
            return False
    words = {word, "change"} if word == "view" else {word}
    return any(person.has_perm(f"{app}.{one}_{model}") for one in words)


OF_PEOPLE = {"mfa.authenticator", "usersessions.usersession"}


def above(person: Person, label: str, what: str, address: str) -> bool:
    """Whether the row is of a member of staff, from whom only a superuser takes anything."""
    if label not in OF_PEOPLE or WORDS[what] != "delete" or person.is_superuser:
        return False
    model: Any = REGISTERED[label]
    pk = address.removesuffix("/delete/").rpartition("/")[2]
    return bool(model.objects.get(pk=pk).user.is_staff)


READ_ONLY = {
    label
    for label, model in REGISTERED.items()
    if model._meta.app_label in {"audit", "billing", "quotas", "tenants"} and model._meta.label not in SHARED
}


@pytest.mark.parametrize(
    "role", [pytest.param(role, marks=pytest.mark.full) if role in SLOW else role for role in EVERYBODY]
)
def test_every_admin_page_opens_to_who_may(furnished: Tenant, role: str) -> None:
    person = person_of(role)
    client, asked, opened = client_of(person), 0, 0
    for address, label, what in admin_pages(furnished):
        answer = client.get(address)
        asked += 1
        if person is None or not person.is_staff:
            assert answer.status_code == 302, address
            assert answer["Location"].startswith(("/admin/login/", "/accounts/login/")), address
        elif what == LEADS_ON:
            assert (answer.status_code, answer["Location"]) == (302, f"{address}change/")
        elif what == "/history/" and first_pk(REGISTERED[label]) is None:
            assert answer.status_code == 302, address  # of nothing, whoever asks
        else:
            allowed = may(person, label, what) and not above(person, label, what, address)
            opened += allowed
            assert answer.status_code in ({200, 302} if allowed else {403}), (role, address, allowed)
    print(f"{asked} admin pages as {role}: {opened} open, 0 otherwise than the permissions say")
    assert asked > 150


def test_every_other_admin_page_is_known() -> None:
    """Pages that are about no model of ours: the frame, which shows each what they may look at."""
    others = {route for route, _ in every_route() if route.startswith("admin/")}
    others = {
        route for route in others if not (m := ADMIN.match(route)) or ".".join(m.groups()) not in REGISTERED
    }
    assert {route for route in others if "<" not in route and "(" not in route} == OF_STAFF


# Forged forms

FORGED = {
    "_save": "Save", "_continue": "1", "name": "forged", "slug": "forged", "email": "forged@example.org",
    "is_staff": "on", "is_superuser": "on", "is_active": "on", "role": "owner", "permissions": "1", "groups": "1",
    "user_permissions": "1", "post": "yes", "confirmed": "yes", "reason": "forged", "password1": "forged passw0rd",
    "password2": "forged passw0rd", "usable_password": "true", "suspended_at": "", "revoked_at": "",
}  # fmt: skip
ACTIONS = ("delete_selected", "suspend", "resume", "revoke", "approve", "replay")
ALWAYS = ("tenants.apikey", "tenants.person")
# What a permission is there to change.
MEANT = {
    "tenants.suspend_organization": {"tenants"},
    "tenants.revoke_apikey": {"tenants"},
    "tenants.change_person": {"people"},
    "tenants.add_person": {"people"},
    "tenants.revoke_operatorkey": {"operators"},
}


def forged(client: Client, label: str) -> None:
    model = REGISTERED[label]
    listed, pk = test_admin.url(model, "changelist"), first_pk(model) or 1
    rows = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": str(pk), "form-0-pk": str(pk)}
    rows |= {f"form-0-{name}": value for name, value in FORGED.items()}
    client.post(listed, {**FORGED, **rows})
    for action in ACTIONS:
        ticked = {"action": action, "_selected_action": [str(pk)], "post": "yes", "confirmed": "yes"}
        client.post(listed, {**ticked, "reason": "forged"})
    client.post(test_admin.url(model, "add"), FORGED)
    for page in ("change", "delete"):
        client.post(test_admin.url(model, page, pk), FORGED)
    client.post(f"{listed}{pk}/password/", FORGED)


def state(tenant: Tenant) -> dict[str, str]:
    """Of what only services, the ledger's writer and superusers change."""
    with canaries.owner() as connection:
        own = canaries.digest(connection, MODELS, tenant.organization.pk)

        def text(query: str) -> str:
            return hashlib.sha256(str(connection.execute(query.encode()).fetchall()).encode()).hexdigest()

        return {
            "tenants": str(
                {name: one for name, one in own.items() if not name.startswith(("audit", "quotas"))}
            ),
            "ledger": str(
                {name: one for name, one in own.items() if name.startswith(("audit.event", "quotas"))}
            ),
            "people": text(
                "SELECT id, email, name, is_active, password FROM tenants_person WHERE is_superuser ORDER BY 1"
            ),
            "rights": text(
                "SELECT id FROM tenants_person WHERE is_superuser OR is_staff UNION ALL SELECT person_id FROM tenants_person_groups ORDER BY 1"
            ),
            "operators": text(
                "SELECT name, revoked_at, scopes FROM tenants_operatorkey UNION ALL "
                "SELECT name, revoked_at, scopes FROM tenants_operatorclient ORDER BY 1, 2"
            ),
            "groups": text(
                "SELECT g.id, g.name, p.permission_id FROM auth_group g LEFT JOIN auth_group_permissions p ON p.group_id = g.id ORDER BY 1, 3"
            ),
        }


def single_permissions(which: set[str]) -> Iterator[Permission]:
    for one in Permission.objects.select_related("content_type").order_by("pk"):
        if _label(one) in which:
            yield one


def _looks(permission: Permission, labels: set[str]) -> bool:
    """Without it a page with actions does not open at all."""
    return permission.codename.startswith("view_") and _label(permission) in labels


def _label(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.content_type.model}"


def changed_by_one_permission(
    tenant: Tenant, which: set[str], always: Iterable[str] = ()
) -> dict[str, set[str]]:
    """With each permission of these models, and that to look: what became different by forms for that model and `always`."""
    clerk = make_person(is_staff=True)
    make_person(is_staff=True, is_superuser=True)
    found: dict[str, set[str]] = {}
    for permission in single_permissions(which):
        against = {_label(permission), *always}
        looks = [one for one in Permission.objects.select_related("content_type") if _looks(one, against)]
        clerk.user_permissions.set([permission, *looks])
        client, before = signed_in(clerk), state(tenant)
        for label in against:
            forged(client, label)
        after = state(tenant)
        word = f"{permission.content_type.app_label}.{permission.codename}"
        found[word] = {name for name in before if before[name] != after[name]}
    return found


def assert_only_meant(found: dict[str, set[str]]) -> None:
    assert {
        word: names - MEANT.get(word, set())
        for word, names in found.items()
        if names - MEANT.get(word, set())
    } == {}
    print(f"{len(found)} permissions, each alone beside looking: nothing forged")


@pytest.mark.full
def test_staff_with_one_permission_forge_nothing(furnished: Tenant) -> None:
    assert_only_meant(
        changed_by_one_permission(
            furnished, {"tenants.apikey", "tenants.person", "auth.group", "audit.event"}
        )
    )


def test_the_same_forms_change_what_a_role_may(furnished: Tenant) -> None:
    """The control: an operator's are not forged."""
    before = state(furnished)
    forged(client_of(person_of("operator")), "tenants.apikey")
    after = state(furnished)
    assert {name for name in before if before[name] != after[name]} - {"rights"} == {"tenants"}


@pytest.mark.full
def test_staff_with_any_one_permission_forge_nothing(furnished: Tenant) -> None:
    assert_only_meant(changed_by_one_permission(furnished, set(REGISTERED), ALWAYS))


@pytest.mark.full
def test_not_even_a_superuser_writes_the_ledger(furnished: Tenant, staff: Client) -> None:
    before = state(furnished)
    for label in READ_ONLY:
        if label.startswith(("audit.", "quotas.")):
            forged(staff, label)
    assert state(furnished) == before
