from __future__ import annotations

import secrets

import pytest
from playwright.sync_api import expect

from tests.console.conftest import Tenant
from tests.e2e.conftest import PASSWORD, NewPage, fits, go_to, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.mark.full
@pytest.mark.parametrize("width", [1280, pytest.param(390, marks=pytest.mark.full)])
def test_from_invitation_to_membership_to_removal(new_page: NewPage, tenant: Tenant, width: int) -> None:
    size = {"width": width, "height": 800}
    admin, guest = new_page(viewport=size), new_page(viewport=size)
    email = f"new-{secrets.token_hex(6)}@example.org"

    sign_in(admin, tenant.owner.email)
    go_to(admin, "Members")
    admin.get_by_label("Email").fill(email)
    admin.get_by_label("Role", exact=True).select_option("finance")
    admin.get_by_role("button", name="Invite").click()
    expect(admin.get_by_text(f"The invitation is on its way to {email}")).to_be_visible()
    assert fits(admin)

    guest.goto("/dev/outbox/")
    guest.get_by_role("link", name=email).click()
    guest.get_by_role("link", name="/invitations/").click()
    expect(guest.get_by_role("heading", name="Join Acme GmbH")).to_be_visible()
    assert fits(guest)
    guest.get_by_role("link", name="Sign up").click()
    guest.get_by_label("Email").fill(email)
    guest.get_by_label("Password", exact=True).fill(PASSWORD)
    guest.get_by_role("button", name="Sign up").click()
    guest.get_by_role("link", name="open the outbox").click()
    guest.get_by_role("link", name=email).first.click()
    guest.get_by_role("link", name="/accounts/confirm-email/").click()
    guest.get_by_role("button", name="Confirm").click()
    guest.get_by_role("button", name="Accept").click()
    expect(guest.get_by_role("heading", name="Dashboard")).to_be_visible()

    admin.reload()
    admin.get_by_label(f"Role of {email}").first.select_option("auditor")
    admin.get_by_role("button", name=f"Save the role of {email}").click()
    expect(admin.get_by_text(f"{email} is now auditor")).to_be_visible()
    assert fits(admin)
    row = admin.get_by_role("listitem").filter(has_text=email)
    row.get_by_text("Remove…").click()
    row.get_by_role("button", name="Remove for good").click()
    expect(admin.get_by_text("The member was removed")).to_be_visible()
    guest.goto("/")
    expect(guest.get_by_role("heading", name="You do not belong to an organization yet")).to_be_visible()
