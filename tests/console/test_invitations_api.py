"""Invitations over the management API: mailed, listed, taken back."""

from __future__ import annotations

from smtplib import SMTPServerDisconnected
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.utils import timezone

from console import members
from orbit.lib import access
from tenants import services
from tenants.models import Invitation
from tenants.rights import ALL, BUILT_IN, Right
from tests.console.conftest import Tenant
from tests.tenants.api.conftest import Caller, caller

Mails = list[EmailMessage]


def call_as(tenant: Tenant, *scopes: str) -> Caller:
    name = f"key-{len(scopes)}-{timezone.now():%f}"
    _, text = services.issue_management_key(
        organization_id=tenant.organization.pk, name=name, scopes=scopes or sorted(ALL), actor="test"
    )
    return caller(text)


@pytest.fixture
def path(tenant: Tenant) -> str:
    return f"organizations/{tenant.organization.slug}/invitations"


def fields(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.json()
    return [one["field"] for one in answer.json()["errors"]]


def invitations(tenant: Tenant) -> list[Invitation]:
    with access.scope(organization_id=tenant.organization.pk):
        return list(Invitation.objects.all())


def test_an_invitation_is_mailed_and_its_link_is_in_no_answer(
    tenant: Tenant, path: str, mailoutbox: Mails
) -> None:
    admin = call_as(tenant)
    made = admin("POST", path, {"email": "New@Example.com", "role": "developer"})
    assert made.status_code == 201
    assert (made.json()["email"], made.json()["state"]) == ("new@example.com", "open")
    [mail] = mailoutbox
    assert mail.to == ["new@example.com"]
    token = str(mail.body).partition("/invitations/")[2].split("/")[1]
    listed = admin("GET", path)
    assert [one["id"] for one in listed.json()["data"]] == [made.json()["id"]]
    for answer in (made, listed):
        assert token not in answer.content.decode()


def test_an_invitation_is_taken_back(tenant: Tenant, path: str, mailoutbox: Mails) -> None:
    admin = call_as(tenant)
    made = admin("POST", path, {"email": "new@example.com", "role": "developer"}).json()
    assert admin("POST", f"{path}/{made['id']}/revoke").json()["state"] == "revoked"
    assert admin("GET", f"{path}?state=open").json()["data"] == []
    assert [one["id"] for one in admin("GET", f"{path}?state=revoked").json()["data"]] == [made["id"]]


def test_states_tell_invitations_apart(tenant: Tenant, path: str, mailoutbox: Mails) -> None:
    admin, now = call_as(tenant), timezone.now()
    ids = {}
    for state in ("open", "accepted", "expired"):
        body = {"email": f"{state}@example.com", "role": "developer"}
        ids[state] = admin("POST", path, body).json()["id"]
    with access.scope(organization_id=tenant.organization.pk):
        Invitation.objects.filter(pk=ids["accepted"]).update(accepted_at=now)
        Invitation.objects.filter(pk=ids["expired"]).update(expires_at=now)
    for state, wanted in ids.items():
        found = admin("GET", f"{path}?state={state}").json()["data"]
        assert [(one["id"], one["state"]) for one in found] == [(wanted, state)]


def test_nobody_is_invited_when_the_mail_does_not_leave(
    tenant: Tenant, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise SMTPServerDisconnected

    monkeypatch.setattr(members, "send_mail", fails)
    answer = call_as(tenant)("POST", path, {"email": "new@example.com", "role": "developer"})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert invitations(tenant) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "nobody", "role": "developer"}, "email"),
        ({"email": "new@example.com", "role": "develloper"}, "role"),
        ({"email": "new@example.com"}, "role"),
        ({"email": "new@example.com", "role": "developer", "digest": "x"}, "digest"),
    ],
)
def test_a_bad_invitation_names_its_field(
    tenant: Tenant, path: str, mailoutbox: Mails, body: dict[str, Any], field: str
) -> None:
    assert fields(call_as(tenant)("POST", path, body)) == [field]
    assert mailoutbox == []


def test_inviting_takes_the_scope_the_rights_and_the_organization(
    tenant: Tenant, other: Tenant, path: str, mailoutbox: Mails
) -> None:
    body = {"email": "new@example.com", "role": "auditor"}
    assert call_as(tenant, *BUILT_IN["auditor"])("POST", path, body).status_code == 403
    inviter = call_as(tenant, *(BUILT_IN["auditor"] | {Right.MEMBERS_INVITE}))
    assert inviter("POST", path, body | {"role": "owner"}).status_code == 403
    assert call_as(other)("POST", path, body).status_code == 404
    assert (mailoutbox, invitations(tenant)) == ([], [])
    made = inviter("POST", path, body).json()["id"]
    assert call_as(other)("GET", path).status_code == 404
    own = path.replace(tenant.organization.slug, other.organization.slug)
    assert call_as(other)("POST", f"{own}/{made}/revoke").status_code == 404
    assert call_as(tenant, "members.read")("POST", f"{path}/{made}/revoke").status_code == 403
    assert [one.revoked_at for one in invitations(tenant)] == [None]
