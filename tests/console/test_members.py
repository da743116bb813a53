from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable
from datetime import timedelta
from smtplib import SMTPServerDisconnected
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client
from django.utils import timezone

from audit.models import OutboxEntry
from console import members
from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import services
from tenants.models import Invitation, Membership, Person
from tests.console.conftest import Tenant, make_person, make_tenant, signed_in
from tests.console.test_sign_in import PASSWORD, address, link, sign_up

Mails = list[EmailMessage]


@pytest.fixture(autouse=True)
def _no_attempts() -> None:
    cache.clear()  # the sign-in package counts failed ones by address


def confirmed(person: Person, email: str = "") -> Person:
    EmailAddress.objects.create(user=person, email=email or person.email, verified=True)
    return person


def joined(tenant: Tenant, role: str) -> Person:
    person = make_person()
    services.add_member(organization_id=tenant.organization.pk, person=person, role=role, actor="test")
    return person


def members_of(tenant: Tenant) -> dict[str, str]:
    with access.scope(organization_id=tenant.organization.pk):
        rows = Membership.objects.select_related("person", "custom_role")
        return {one.person.email: one.role_name for one in rows}


def member_id(tenant: Tenant, person: Person) -> Any:
    with access.scope(organization_id=tenant.organization.pk):
        return Membership.objects.get(person=person).pk


def invitations(tenant: Tenant) -> list[Invitation]:
    with access.scope(organization_id=tenant.organization.pk):
        return list(Invitation.objects.order_by("created_at"))


def acts(tenant: Tenant) -> list[tuple[str, str, str]]:
    with access.scope(organization_id=tenant.organization.pk):
        details = [entry.event["detail"] for entry in OutboxEntry.objects.order_by("id")]
        return [(one["action"], one["actor"], one["target"]) for one in details]


@pytest.fixture
def invited(tenant: Tenant, mailoutbox: Mails, settings: Any) -> Callable[[str], str]:
    """Invites from the page, and returns the path of the link in the mail."""
    settings.ORBIT_PUBLIC_URL = "https://gateway.example"

    def invite(email: str, role: str = "developer") -> str:
        answer = tenant.client().post(f"{tenant.path}members/invite/", {"email": email, "role": role})
        assert answer["Location"] == f"{tenant.path}members/"
        mailed = mailoutbox[-1]
        assert mailed.to == [email.lower()]
        assert tenant.organization.name in str(mailed.body)
        return link(mailed).removeprefix("https://gateway.example")

    return invite


Invited = Callable[..., str]


def test_account_that_is_there_accepts(tenant: Tenant, invited: Invited) -> None:
    person = confirmed(make_person())
    path = invited(person.email.upper())
    client = signed_in(person)
    assert "Accept" in client.get(path).content.decode()
    assert person.email not in members_of(tenant)  # looking accepts nothing
    assert client.post(path)["Location"] == tenant.path
    assert client.get(tenant.path).status_code == 200
    assert members_of(tenant)[person.email] == "developer"
    assert acts(tenant)[-2:] == [
        ("member.invite", tenant.owner.email, person.email),
        ("member.join", person.email, person.email),
    ]


def test_new_account_accepts_after_its_address_is_confirmed(
    tenant: Tenant, invited: Invited, mailoutbox: Mails
) -> None:
    client, email = Client(), address()
    path = invited(email, "finance")
    page = client.get(path).content.decode()
    assert f"/accounts/signup/?next={path}" in page
    assert client.post(path).status_code == 200  # signed out: nothing is accepted
    sign_up(client, email)
    client.post(link(mailoutbox[-1]).removeprefix("https://gateway.example"))
    client.post("/accounts/login/", {"login": email, "password": PASSWORD})
    assert client.get("/")["Location"] == path
    assert client.post(path)["Location"] == tenant.path
    assert members_of(tenant)[email] == "finance"


def test_only_the_invited_address_accepts_and_only_when_it_is_confirmed(
    tenant: Tenant, invited: Invited
) -> None:
    email = address()
    path = invited(email)
    forwarded = confirmed(make_person())
    unconfirmed = make_person()
    EmailAddress.objects.create(user=unconfirmed, email=email, verified=False)
    named = Person.objects.create_user(email, PASSWORD)
    for person in (forwarded, unconfirmed, named):
        answer = signed_in(person).post(path)
        assert answer.status_code == 200
        assert "You are signed in as" in answer.content.decode()
        assert person.email not in members_of(tenant)
    second = confirmed(make_person(), email)
    assert signed_in(second).post(path)["Location"] == tenant.path


def test_link_that_is_not_open_gets_one_answer(tenant: Tenant, other: Tenant, invited: Invited) -> None:
    person = confirmed(make_person())
    used = invited(person.email)
    signed_in(person).post(used)
    replaced = invited(email := address())
    revoked = invited(email)
    tenant.client().post(f"{tenant.path}invitations/{invitations(tenant)[-1].pk}/revoke/")
    expired = invited(address())
    with access.scope(organization_id=tenant.organization.pk):
        Invitation.objects.filter(pk=invitations(tenant)[-1].pk).update(
            expires_at=timezone.now() - timedelta(seconds=1)
        )
    token = expired.rstrip("/").rpartition("/")[2]
    elsewhere = f"/invitations/{other.organization.pk}/{token}/"
    unknown = f"/invitations/{tenant.organization.pk}/{secrets.token_urlsafe(32)}/"
    client = signed_in(confirmed(make_person()))
    bodies = set()
    for path in (used, replaced, revoked, expired, elsewhere, unknown):
        for answer in (client.get(path), client.post(path)):
            assert answer.status_code == 404
            bodies.add(re.sub(rb"[0-9a-zA-Z]{64}", b"", answer.content))
    assert len(bodies) == 1


def test_twenty_at_once_accept_once(tenant: Tenant) -> None:
    person = confirmed(make_person())
    where: dict[str, Any] = {"organization_id": tenant.organization.pk}
    _, token = services.invite(**where, email=person.email, role="auditor", actor="test")
    won: list[bool] = []

    def accept() -> None:
        try:
            services.accept_invitation(**where, token=token, person=person)
            won.append(True)
        except InputError:
            won.append(False)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=accept) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 19 + [True]


def test_token_is_nowhere_in_the_database(tenant: Tenant, invited: Invited) -> None:
    token = invited(address()).rstrip("/").rpartition("/")[2]
    with access.scope(organization_id=tenant.organization.pk), connections["default"].cursor() as cursor:
        for table in ("tenants_invitation", "audit_outboxentry"):
            cursor.execute(f"SELECT t::text FROM {table} t")
            text = str(cursor.fetchall())
            assert token not in text
            assert token.encode().hex() not in text


def test_mail_that_cannot_leave_invites_nobody(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise SMTPServerDisconnected

    monkeypatch.setattr(members, "send_mail", broken)
    answer = tenant.client().post(
        f"{tenant.path}members/invite/", {"email": address(), "role": "auditor"}, follow=True
    )
    assert "nobody was invited" in answer.content.decode()
    assert invitations(tenant) == []
    assert [action for action, *_ in acts(tenant)] == []


def test_nobody_invites_into_a_role_beyond_their_own(tenant: Tenant, mailoutbox: Mails) -> None:
    admin, developer = (signed_in(joined(tenant, role)) for role in ("admin", "developer"))
    for client, role in ((admin, "owner"), (developer, "developer"), (developer, "auditor")):
        answer = client.post(f"{tenant.path}members/invite/", {"email": address(), "role": role})
        assert answer.status_code == 403
    assert invitations(tenant) == []
    assert mailoutbox == []


@pytest.mark.parametrize("change", ["remove", "demote"])
def test_invitations_end_with_the_rights_of_who_made_them(tenant: Tenant, change: str) -> None:
    where: dict[str, Any] = {"organization_id": tenant.organization.pk}
    admin = joined(tenant, "admin")
    with access.scope(**where):
        membership = Membership.objects.get(person=admin)
    _, token = services.invite(**where, email=address(), role="admin", actor=membership)
    Person.objects.filter(pk=admin.pk).update(email=address())  # another address makes no difference
    if change == "remove":
        services.remove_member(**where, member_id=membership.pk, actor="test")
    else:
        services.change_role(**where, member_id=membership.pk, role="auditor", actor="test")
    assert services.find_invitation(**where, token=token) is None


def test_role_that_is_gone_cannot_be_accepted(tenant: Tenant) -> None:
    where: dict[str, Any] = {"organization_id": tenant.organization.pk}
    services.save_role(**where, name="reader", rights=["usage.read"], actor="test")
    person = confirmed(make_person())
    _, token = services.invite(**where, email=person.email, role="reader", actor="test")
    services.delete_role(**where, name="reader", actor="test")
    with pytest.raises(InputError, match="no role"):
        services.accept_invitation(**where, token=token, person=person)


def test_bad_invitations_are_explained(tenant: Tenant, mailoutbox: Mails) -> None:
    for email, role, said in (
        ("nonsense", "developer", "is no e-mail address"),
        (tenant.owner.email, "developer", "is a member already"),
        (address(), "god", "there is no role"),
    ):
        answer = tenant.client().post(
            f"{tenant.path}members/invite/", {"email": email, "role": role}, follow=True
        )
        assert said in answer.content.decode()
    assert mailoutbox == []


def test_page_lists_members_with_what_the_reader_may_do(tenant: Tenant, invited: Invited) -> None:
    invited(email := address())
    auditor = joined(tenant, "auditor")
    page = tenant.client().get(f"{tenant.path}members/").content.decode()
    for shown in (tenant.owner.email, auditor.email, email, "Remove for good", "Invite somebody"):
        assert shown in page
    page = signed_in(auditor).get(f"{tenant.path}members/").content.decode()
    assert tenant.owner.email in page
    for hidden in ("Remove for good", "Invite somebody", "Take back"):
        assert hidden not in page
    page = signed_in(joined(tenant, "admin")).get(f"{tenant.path}members/").content.decode()
    assert f"Role of {auditor.email}" in page
    assert f"Role of {tenant.owner.email}" not in page
    assert "<option>owner</option>" not in page


def test_roles_are_changed_and_members_removed_from_the_page(tenant: Tenant) -> None:
    person = joined(tenant, "auditor")
    path = f"{tenant.path}members/{member_id(tenant, person)}"
    tenant.client().post(f"{path}/role/", {"role": "finance"})
    assert members_of(tenant)[person.email] == "finance"
    gone = signed_in(person)
    assert gone.get(tenant.path).status_code == 200
    tenant.client().post(f"{path}/remove/")
    assert gone.get(tenant.path).status_code == 404
    assert person.email not in members_of(tenant)


def test_last_owner_stays_and_any_other_may_leave(tenant: Tenant) -> None:
    path = f"{tenant.path}members/{member_id(tenant, tenant.owner)}/remove/"
    answer = tenant.client().post(path, follow=True)
    assert "the last owner stays" in answer.content.decode()
    joined(tenant, "owner")
    assert tenant.client().post(path)["Location"] == "/organizations/"
    assert tenant.owner.email not in members_of(tenant)


def test_members_of_another_organization_are_out_of_reach(tenant: Tenant, other: Tenant) -> None:
    person = joined(other, "auditor")
    foreign = member_id(other, person)
    for action in ("role", "remove"):
        answer = tenant.client().post(
            f"{tenant.path}members/{foreign}/{action}/", {"role": "owner"}, follow=True
        )
        assert "there is no such member" in answer.content.decode()
        assert tenant.client().post(f"{other.path}members/{foreign}/{action}/").status_code == 404
    assert members_of(other)[person.email] == "auditor"


def test_person_has_another_role_in_each_organization(tenant: Tenant) -> None:
    person = joined(tenant, "auditor")
    own = make_tenant(owner=person)
    client = signed_in(person)
    for place, status in ((tenant, 403), (own, 302)):
        answer = client.post(f"{place.path}members/invite/", {"email": address(), "role": "auditor"})
        assert answer.status_code == status


def test_operator_invites_from_the_command_line(tenant: Tenant, mailoutbox: Mails, capsys: Any) -> None:
    email = address()
    call_command("invite", tenant.organization.slug, email, "--role", "owner")
    assert f"Invited {email}" in capsys.readouterr().out
    assert mailoutbox[-1].to == [email]
    with pytest.raises(CommandError) as refused:
        call_command("invite", "no-such", email)
    assert refused.value.returncode == 2
