from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from orbit.lib import access
from tenants import keys, services
from tenants.models import ManagementKey, OperatorKey, Organization
from tests.console.conftest import make_person, signed_in
from tests.tenants.api.conftest import CallAs, Caller, caller

BAD = {
    "nothing": "",
    "garbage": "hunter2",
    "a gateway key": keys.new_key(),
    "a management key of nobody": keys.new_key(keys.MANAGEMENT),
    "an operator key of nobody": keys.new_key(keys.OPERATOR),
    "a wrong checksum": keys.new_key(keys.MANAGEMENT)[:-1] + "_",
    "a long one": "x" * 9000,
    "not ASCII": "schlüssel",
}


def _body(answer: Any) -> dict[str, Any]:
    made: dict[str, Any] = answer.json()
    return {name: value for name, value in made.items() if name != "request_id"}


@pytest.mark.parametrize("what", BAD)
def test_every_bad_credential_gets_the_same_401(what: str) -> None:
    answer = caller(BAD[what])("GET", "me")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="orbit"'
    assert answer["Content-Type"] == "application/problem+json"
    assert _body(answer) == _body(caller()("GET", "organizations/there-is-none/keys"))


@pytest.mark.parametrize("header", ["Basic b3JibQ==", "Bearer", "Bearer ", "orbm_x", "Token x"])
def test_no_other_scheme_is_taken(header: str, admin: Caller) -> None:
    assert admin("GET", "me", Authorization=header.replace("orbm_x", admin.secret)).status_code == 401


def test_garbage_asks_the_database_nothing() -> None:
    with CaptureQueriesContext(connection) as asked:
        caller("orbm_" + "x" * 49)("GET", "me")
    assert len(asked) == 0


def test_a_browsers_session_opens_nothing(organization: Organization) -> None:
    person = make_person()
    services.add_member(organization_id=organization.pk, person=person, role="owner", actor="test")
    answer = signed_in(person).get(f"/api/v1/organizations/{organization.slug}")
    assert answer.status_code == 401


def test_me_tells_what_the_credential_is(
    call_as: CallAs, organization: Organization, operator: Caller
) -> None:
    said = call_as("usage.read", "keys.read")("GET", "me").json()
    assert said == {
        "name": "management key key-0",
        "organization": organization.slug,
        "scopes": ["keys.read", "usage.read"],
    }
    assert operator("GET", "me").json()["organization"] is None


Ending = Callable[[Organization, ManagementKey], object]
ENDINGS: dict[str, Ending] = {
    "revoked": lambda organization, key: services.revoke_management_key(
        organization_id=organization.pk, key_id=key.pk, actor="test"
    ),
    "expired": lambda organization, key: ManagementKey.objects.filter(pk=key.pk).update(
        expires_at=timezone.now() - timedelta(seconds=1)
    ),
}


@pytest.mark.parametrize("how", ENDINGS)
def test_a_key_that_ended_opens_nothing(how: str, admin: Caller, organization: Organization) -> None:
    assert admin("GET", "me").status_code == 200
    with access.scope(organization_id=organization.pk):
        ENDINGS[how](organization, ManagementKey.objects.get())
    assert admin("GET", "me").status_code == 401


def test_an_own_key_opens_what_its_member_still_may(call_as: CallAs, organization: Organization) -> None:
    person = make_person()
    where: dict[str, Any] = {"organization_id": organization.pk}
    services.add_member(**where, person=make_person(), role="owner", actor="test")
    member = services.add_member(**where, person=person, role="admin", actor="test").row
    own = call_as("policies.write", "usage.read", actor=member, own=True)
    assert own("GET", "me").json()["scopes"] == ["policies.write", "usage.read"]
    assert own("GET", "me").json()["name"] == f"{person.email} by key key-0"
    services.change_role(**where, member_id=member.pk, role="finance", actor="test")
    assert own("GET", "me").json()["scopes"] == ["usage.read"]
    services.remove_member(**where, member_id=member.pk, actor="test")
    assert own("GET", "me").status_code == 401


def test_own_keys_of_somebody_deactivated_open_nothing(call_as: CallAs, organization: Organization) -> None:
    person = make_person()
    member = services.add_member(
        organization_id=organization.pk, person=person, role="admin", actor="test"
    ).row
    own = call_as("usage.read", actor=member, own=True)
    person.is_active = False
    person.save()
    assert own("GET", "me").status_code == 401


def test_an_operator_key_that_was_revoked_opens_nothing(operator: Caller, slug: str) -> None:
    assert operator("GET", "me").status_code == 200
    services.revoke_operator_key(name=f"op-{slug}", actor="test")
    assert operator("GET", "me").status_code == 401


def test_the_last_use_is_kept(admin: Caller, operator: Caller, organization: Organization, slug: str) -> None:
    admin("GET", "me")
    operator("GET", "me")
    with access.scope(organization_id=organization.pk):
        assert ManagementKey.objects.get().last_used_at is not None
    with access.operator():
        assert OperatorKey.objects.get(name=f"op-{slug}").last_used_at is not None


@override_settings(ORBIT_API_RATE=2)
def test_one_credential_asks_so_often_a_minute(admin: Caller, operator: Caller) -> None:
    answers = [admin("GET", "me") for _ in range(6)]  # a minute may end in between, once
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) >= 2
    assert refused[0].json()["code"] == "rate_limited"
    assert 1 <= int(refused[0]["Retry-After"]) <= 61
    assert operator("GET", "me").status_code == 200
