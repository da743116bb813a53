"""Bodies set what they declare and nothing else: every model's every field is sent to every path.

Generated from the models and the routes, so that a field or an endpoint that comes later is tried as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import models

from orbit.lib import access
from orbit.lib.access import ScopedManager
from tenants import services
from tenants.models import Organization, Person
from tenants.rights import OperatorRight
from tests.tenants.api.conftest import Caller
from tests.tenants.api.test_inventory import ROUTES
from tests.tenants.conftest import SECRET

CANARY = "mass-assigned-7f3a91"
OURS = {"tenants", "quotas", "audit", "account", "mfa"}
BESIDE = {"is_staff", "is_superuser", "organization", "organization_id", "tenant", "spent", "used", "scopes"}
BESIDE |= {"rights", "permissions", "groups", "hash", "by_operator", "actor", "person_id", "pk"}
WRITING = ("POST", "PUT", "PATCH")
# What requests of their own leave behind, whatever they ask for.
MOVING = {"last_used_at", "changed_at", "version"}


def _names() -> set[str]:
    found = set(BESIDE)
    for model in apps.get_models():
        if model._meta.app_label in OURS:
            for field in model._meta.concrete_fields:
                found |= {field.name, field.attname}
    return found


NAMES = _names()


def _bodies(kind: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """A serializer and those inside it."""
    yield at, kind
    for name, inner in kind().fields.items():
        one = getattr(inner, "child", inner)
        if hasattr(one, "fields"):
            yield from _bodies(type(one), f"{at}.{name}")


BODIES = [
    pytest.param(kind, id=f"{path}{at}")
    for path, view in ROUTES.items()
    if view.body is not None
    for at, kind in _bodies(view.body)
]


@pytest.mark.parametrize("kind", BODIES)
def test_no_body_takes_a_field_that_it_does_not_declare(kind: Any) -> None:
    foreign = NAMES - set(kind().fields)
    read = kind(data=dict.fromkeys(foreign, CANARY))
    assert not read.is_valid()
    assert set(read.errors) == foreign


@pytest.fixture
def things(organization: Organization) -> dict[str, Any]:
    """One of each thing that paths name, by the name that they have for it."""
    where: dict[str, Any] = {"organization_id": organization.pk, "actor": "test"}
    services.save_policy(**where, name="default", document={"allow": {"models": []}})
    services.save_project(**where, slug="bot", name="Bot")
    services.save_account(
        **where, name="main", kind="openai", credential=services.NewCredential(value=SECRET)
    )
    services.save_model(**where, alias="fast", targets=[services.NewTarget("main", "gpt-4o")])
    services.save_role(**where, name="reader", rights=["usage.read"])
    key, _ = services.issue_key(**where, project="bot", name="main")
    person = Person.objects.create(email=f"p-{organization.slug}@example.com")
    member = services.add_member(**where, person=person, role="auditor").row
    bot = services.create_service_account(**where, project="bot", name="ci").row
    until = datetime.now(UTC) + timedelta(days=1)
    asked = services.request_model(**where, policy="default", model="fast", until=until, reason="x")
    management, _ = services.issue_management_key(**where, name="ci", scopes=["usage.read"])
    invited, _ = services.invite(**where, email=f"n-{organization.slug}@example.com", role="auditor")
    return {
        "organization": organization.slug,
        "project": "bot",
        "key": key.pk,
        "policy": "default",
        "number": 1,
        "member": member.pk,
        "role": "reader",
        "account": "main",
        "service-account": bot.pk,
        "management-key": management.pk,
        "alias": "fast",
        "invitation": invited.pk,
        "person": person.pk,
        "request_id": asked.pk,
    }


def rows(organization: Organization) -> dict[tuple[str, str], dict[str, Any]]:
    """Everything that an organization has and everybody there is, apart from what the ledger keeps of acts."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    with access.scope(organization_id=organization.pk):
        for model in apps.get_models():
            manager = getattr(model, "objects", None)
            if model._meta.app_label != "tenants" or not isinstance(manager, ScopedManager):
                continue
            found |= _read(model, manager.values())
    return found | _read(Person, Person.objects.filter(email__contains=organization.slug).values())


def _read(model: type[models.Model], values: Any) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (model.__name__, str(one[model._meta.pk.attname])): {
            name: hashlib.sha256(value).hexdigest() if isinstance(value, memoryview | bytes) else value
            for name, value in one.items()
            if name not in MOVING
        }
        for one in values
    }


def changed(before: Any, after: Any) -> dict[str, set[str]]:
    """Columns that became different, by model; all of a new row's that hold something."""
    found: dict[str, set[str]] = {}
    for place, row in after.items():
        old = before.get(place)
        names = {name for name, value in row.items() if (value != old[name] if old else value)}
        if names:
            found.setdefault(place[0], set()).update(names)
    for place in before.keys() - after.keys():
        found.setdefault(place[0], set()).add("(gone)")
    return found


def _address(path: str, things: dict[str, Any]) -> str | None:
    parts = []
    for part in path.split("/"):
        name = part[1:-1].partition(":")[2] if part.startswith("<") else ""
        if name in ("account", "key"):  # of which there are two kinds each
            name = next((kind for kind in ("service-account", "management-key") if kind in path), name)
        if name and name not in things:
            return None
        parts.append(str(things[name]) if name else part)
    return "/".join(parts)


def _calls(things: dict[str, Any], *, with_body: bool) -> Iterator[tuple[str, str, Any]]:
    """Method, address and view of what writes, as far as there is a thing for each of its names."""
    for path, view in ROUTES.items():
        address = _address(path, things)
        if address is not None and (view.body is not None) == with_body:
            yield from ((method, address, view) for method in WRITING if method in view.scopes)


def test_what_no_body_declares_changes_no_row(
    admin: Caller, operator: Caller, organization: Organization, things: dict[str, Any]
) -> None:
    before, sent = rows(organization), 0
    for method, address, view in _calls(things, with_body=True):
        foreign = NAMES - set(view.body().fields)
        who = operator if isinstance(view.scopes[method], OperatorRight) else admin
        answer = who(method, address, dict.fromkeys(foreign, CANARY))
        assert answer.status_code == 400, (method, address, answer.content)
        assert {one["field"] for one in answer.json()["errors"]} == foreign
        sent += len(foreign)
    assert changed(before, rows(organization)) == {}
    assert sent > 1000
    print(f"{sent} fields that no body declares were sent, 0 were taken")


def test_verbs_without_a_body_take_nothing_of_one(
    admin: Caller, operator: Caller, organization: Organization, things: dict[str, Any]
) -> None:
    tried = []
    for method, address, view in _calls(things, with_body=False):
        who = operator if isinstance(view.scopes[method], OperatorRight) else admin
        assert who(method, address, dict.fromkeys(NAMES, CANARY)).status_code < 500
        tried.append(address)
    assert tried
    after = rows(organization)
    assert CANARY not in str(after)
    assert not after["Person", str(things["person"])]["is_staff"]
    print(f"{len(NAMES)} fields were sent to each of {len(tried)} verbs, 0 were taken")


NEW = {"id", "organization_id", "created_at"}
# method, path, a good body, and the columns that it may set
EXAMPLES: list[tuple[str, str, dict[str, Any], dict[str, set[str]]]] = [
    ("PATCH", "", {"name": "Other"}, {"Organization": {"name"}}),
    ("PUT", "projects/new", {"name": "New"}, {"Project": NEW | {"slug", "name"}}),
    ("PUT", "projects/bot", {"name": "Other"}, {"Project": {"name"}}),
    ("POST", "projects/bot/suspend", {"reason": "x"}, {"Project": {"suspended_at", "suspended_for"}}),
    (
        "POST",
        "keys",
        {"project": "bot", "name": "new"},
        {"ApiKey": NEW | {"project_id", "name", "hint", "digest", "created_by", "generation", "allow"}},
    ),
    ("PATCH", "keys/{key}", {"allow": {"models": ["fast"]}}, {"ApiKey": {"allow", "generation"}}),
    (
        "POST",
        "keys/{key}/suspend",
        {"reason": "x"},
        {"ApiKey": {"suspended_at", "suspended_for", "generation"}},
    ),
    (
        "POST",
        "keys/{key}/rotate",
        {},
        {
            "ApiKey": {"digest", "hint", "rotated_at", "generation"},
            "FormerSecret": NEW | {"key_id", "digest", "hint", "works_until"},
        },
    ),
    ("POST", "keys/{key}/revoke", {"reason": "x"}, {"ApiKey": {"revoked_at", "generation"}}),
    (
        "PUT",
        "policies/new",
        {"document": {}},
        {
            "Policy": NEW | {"name", "revision"},
            "PolicyRevision": NEW | {"policy_id", "number", "document", "author", "reason"},
        },
    ),
    (
        "PUT",
        "policies/default",
        {"document": {"caps": {"max_output_tokens": 1}}, "reason": "x"},
        {
            "Policy": {"revision"},
            "PolicyRevision": NEW | {"policy_id", "number", "document", "author", "reason"},
        },
    ),
    ("PATCH", "members/{member}", {"role": "finance"}, {"Membership": {"role"}}),
    ("PUT", "roles/new", {"rights": ["usage.read"]}, {"CustomRole": NEW | {"name", "words"}}),
    (
        "POST",
        "service-accounts",
        {"project": "bot", "name": "new"},
        {"ServiceAccount": NEW | {"project_id", "name"}},
    ),
    (
        "PUT",
        "provider-accounts/main",
        {"kind": "openai", "prices_as": "groq"},
        {"ProviderAccount": {"prices_as"}},
    ),
    (
        "PUT",
        "models/fast",
        {"targets": [{"account": "main", "model": "gpt-4o"}], "retries": 3},
        {
            "ModelAlias": {"retries"},
            "ModelTarget": {"(gone)", "id", "organization_id", "alias_id"}
            | {"account_id", "model", "weight", "position"},
        },
    ),
    (
        "POST",
        "management-keys",
        {"name": "new", "scopes": ["usage.read"]},
        {"ManagementKey": NEW | {"name", "words", "digest", "hint", "created_by"}},
    ),
    (
        "POST",
        "invitations",
        {"email": "new@example.com", "role": "auditor"},
        {"Invitation": NEW | {"email", "role", "digest", "invited_by", "expires_at"}},
    ),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "columns"), EXAMPLES, ids=[f"{m} {p}" for m, p, _, _ in EXAMPLES]
)
def test_a_good_body_sets_its_columns_and_is_refused_with_more_fields(
    admin: Caller,
    organization: Organization,
    things: dict[str, Any],
    method: str,
    path: str,
    body: dict[str, Any],
    columns: dict[str, set[str]],
) -> None:
    here = f"organizations/{organization.slug}/{path}".rstrip("/").format(**things)
    before = rows(organization)
    more = admin(method, here, dict.fromkeys(BESIDE, CANARY) | body)
    assert more.status_code == 400, more.content
    assert {one["field"] for one in more.json()["errors"]} == BESIDE - set(body)
    assert changed(before, rows(organization)) == {}
    assert admin(method, here, body).status_code in (200, 201)
    for model, names in changed(before, rows(organization)).items():
        assert names <= columns.get(model, set()), model
