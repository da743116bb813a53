"""An organization that requires a second factor, and the operator's admin, open only in sessions that one was used in."""

from __future__ import annotations

import time
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.test import Client

from audit.models import OutboxEntry
from console.urls import urlpatterns
from orbit.lib import access
from tenants import services
from tenants.models import Person
from tests.console.conftest import Tenant, make_person, make_tenant, signed_in
from tests.console.test_access_matrix import address

pytestmark = pytest.mark.usefixtures("own_address")

PASSWORD = "correct horse battery"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
ASKED = "asks for a second factor"


def code(secret: str = SECRET) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def give_totp(person: Person) -> Authenticator:
    EmailAddress.objects.get_or_create(user=person, email=person.email, verified=True, primary=True)
    return TOTP.activate(person, SECRET).instance


def sign_in(person: Person, given: str | None = None) -> Client:
    """With password and, where it is asked for, a code."""
    client = Client()
    answer = client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    if answer["Location"] == "/accounts/2fa/authenticate/":
        assert client.post(answer["Location"], {"code": given or code()}).status_code == 302
    return client


def require(tenant: Tenant, required: bool = True) -> None:
    services.update_organization(organization_id=tenant.organization.pk, actor="test", requires_mfa=required)


def test_member_without_a_factor_sees_what_to_do_and_nothing_else(tenant: Tenant) -> None:
    client = tenant.client()
    assert client.get(tenant.path).status_code == 200
    require(tenant)
    page = client.get(tenant.path)
    assert page.status_code == 403
    text = page.content.decode()
    assert ASKED in text
    assert "/accounts/2fa/totp/activate/" in text
    assert tenant.project.name not in text


def test_every_page_of_the_organization_is_closed_then(tenant: Tenant) -> None:
    tenant.call(tenant.organization.created_at)
    require(tenant)
    client = tenant.client()
    pages: list[Any] = [one for one in urlpatterns if "slug" in one.pattern.converters]
    for page in pages:
        for answer in (client.get(address(page, tenant)), client.post(address(page, tenant))):
            assert answer.status_code == 405 or ASKED in answer.content.decode(), page.name
    assert len(pages) >= 7


def test_a_fragment_reloads_into_the_page_that_asks(tenant: Tenant) -> None:
    require(tenant)
    answer = tenant.client().get(tenant.path, headers={"HX-Request": "true"})
    assert answer["HX-Refresh"] == "true"
    assert not answer.content


def test_other_organizations_of_the_person_stay_open(tenant: Tenant) -> None:
    second = make_tenant(owner=tenant.owner)
    require(tenant)
    client = tenant.client()
    assert client.get(second.path).status_code == 200
    assert client.get("/organizations/").status_code == 200
    assert client.get(tenant.path).status_code == 403


def test_outsiders_still_cannot_tell_it_from_one_that_is_not_there(tenant: Tenant, outsider: Client) -> None:
    require(tenant)
    assert outsider.get(tenant.path).content == outsider.get("/o/no-such-organization/").content


def test_session_from_before_the_factor_does_not_open_it_until_confirmed(tenant: Tenant) -> None:
    client = signed_in(tenant.owner)
    require(tenant)
    give_totp(tenant.owner)
    page = client.get(tenant.path)
    assert page.status_code == 403
    confirm = f"/accounts/2fa/reauthenticate/?next=%2Fo%2F{tenant.organization.slug}%2F"
    assert f'href="{confirm}"' in page.content.decode()
    # the password alone is no second factor, however often
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert client.get(tenant.path).status_code == 403
    assert client.post(confirm, {"code": code()})["Location"] == tenant.path
    assert client.get(tenant.path).status_code == 200


def test_sign_in_with_a_code_opens_it(tenant: Tenant) -> None:
    require(tenant)
    give_totp(tenant.owner)
    assert sign_in(tenant.owner).get(tenant.path).status_code == 200


def test_sign_in_with_a_recovery_code_opens_it_and_the_code_works_once(tenant: Tenant) -> None:
    require(tenant)
    give_totp(tenant.owner)
    one, another, *_ = RecoveryCodes.activate(tenant.owner).get_unused_codes()
    assert sign_in(tenant.owner, one).get(tenant.path).status_code == 200
    again = Client()
    again.post("/accounts/login/", {"login": tenant.owner.email, "password": PASSWORD})
    assert again.post("/accounts/2fa/authenticate/", {"code": one}).status_code == 200
    assert again.get(tenant.path)["Location"].startswith("/accounts/login/")
    assert again.post("/accounts/2fa/authenticate/", {"code": another}).status_code == 302


def test_code_of_an_app_works_once(tenant: Tenant) -> None:
    give_totp(tenant.owner)
    used = code()
    sign_in(tenant.owner, used)
    again = Client()
    again.post("/accounts/login/", {"login": tenant.owner.email, "password": PASSWORD})
    assert again.post("/accounts/2fa/authenticate/", {"code": used}).status_code == 200


def test_factor_that_was_taken_away_opens_nothing_any_more(tenant: Tenant) -> None:
    require(tenant)
    factor = give_totp(tenant.owner)
    RecoveryCodes.activate(tenant.owner)
    client = sign_in(tenant.owner)
    assert client.get(tenant.path).status_code == 200
    factor.delete()
    assert client.get(tenant.path).status_code == 403  # recovery codes alone are no factor
    give_totp(tenant.owner)
    assert client.get(tenant.path).status_code == 403  # nor does it count for the next one


def test_recovery_code_opens_nothing_once_the_factor_itself_is_gone(tenant: Tenant) -> None:
    require(tenant)
    factor = give_totp(tenant.owner)
    spare = RecoveryCodes.activate(tenant.owner).get_unused_codes()[0]
    client = sign_in(tenant.owner, spare)
    assert client.get(tenant.path).status_code == 200
    factor.delete()
    assert client.get(tenant.path).status_code == 403


def test_being_half_signed_in_opens_nothing(tenant: Tenant) -> None:
    give_totp(tenant.owner)
    client = Client()
    client.post("/accounts/login/", {"login": tenant.owner.email, "password": PASSWORD})
    for path in (tenant.path, "/organizations/", "/accounts/2fa/", "/accounts/sessions/"):
        assert client.get(path)["Location"].startswith("/accounts/login/"), path


def test_requiring_it_is_an_act_and_takes_effect_with_the_next_request(tenant: Tenant) -> None:
    client = tenant.client()
    require(tenant)
    assert client.get(tenant.path).status_code == 403
    require(tenant, False)
    assert client.get(tenant.path).status_code == 200
    with access.scope(organization_id=tenant.organization.pk):
        acts = [entry.event["detail"] for entry in OutboxEntry.objects.order_by("id")]
    assert [(act["action"], act["before"], act["after"]) for act in acts] == [
        ("organization.update", {"requires_mfa": False}, {"requires_mfa": True}),
        ("organization.update", {"requires_mfa": True}, {"requires_mfa": False}),
    ]


@pytest.mark.parametrize("path", ["/admin/", "/admin/tenants/person/", "/admin/jsi18n/"])
def test_staff_need_a_factor_for_the_admin_where_the_installation_says_so(path: str, settings: Any) -> None:
    person = make_person(is_staff=True, is_superuser=True)
    client = signed_in(person)
    assert client.get(path).status_code == 200
    settings.ORBIT_STAFF_MFA = True
    page = client.get(path)
    assert page.status_code == 403
    assert ASKED in page.content.decode()
    assert client.get("/organizations/").status_code == 200
    give_totp(person)
    assert client.get(path).status_code == 403
    assert sign_in(person).get(path).status_code == 200


def test_forms_of_the_admin_are_closed_too(settings: Any) -> None:
    settings.ORBIT_STAFF_MFA = True
    plain = make_person()
    form = {"action": "deactivate", "_selected_action": [plain.pk]}
    client = signed_in(make_person(is_staff=True, is_superuser=True))
    assert client.post("/admin/tenants/person/", form).status_code == 403
    plain.refresh_from_db()
    assert plain.is_active


def test_members_page_switches_it_for_who_uses_one_themselves(tenant: Tenant) -> None:
    path = f"{tenant.path}members/second-factor/"
    without = tenant.client()
    page = without.get(f"{tenant.path}members/").content.decode()
    assert "once you have used one yourself" in page
    assert "no second factor" in page
    assert "use one yourself first" in without.post(path, {"required": ""}, follow=True).content.decode()
    assert without.get(tenant.path).status_code == 200  # so nobody has shut themselves out
    give_totp(tenant.owner)
    client = sign_in(tenant.owner)
    page = client.post(path, {"required": ""}, follow=True).content.decode()
    assert "A second factor is now required" in page
    assert "no second factor" not in page
    assert without.get(tenant.path).status_code == 403
    assert "no longer required" in client.post(path, follow=True).content.decode()
    assert without.get(tenant.path).status_code == 200
