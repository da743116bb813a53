"""Second factors and passkeys with a real browser, whose authenticator is Chromium's virtual one."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tenants import services
from tests.console.conftest import Tenant
from tests.console.targets import OFF_SITE
from tests.console.test_second_factor import code
from tests.e2e.conftest import PASSWORD, NewPage, fits, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
REFUSED = "status of 403"  # with which the page that asks for a second factor comes
PHONE = {"width": 390, "height": 800}


@pytest.fixture
def named(server: str) -> str:
    """Browsers keep passkeys for names only."""
    return server.replace("127.0.0.1", "localhost")


def has_authenticator(page: Page) -> None:
    """A device of the browser's own that asks for no finger."""
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    device.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def require_mfa(tenant: Tenant) -> None:
    services.update_organization(organization_id=tenant.organization.pk, actor="test", requires_mfa=True)


def type_password_again(page: Page) -> None:
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()


def keep_codes(page: Page) -> list[str]:
    """The recovery codes on the page, which are also those of the download."""
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    shown = page.get_by_role("list", name="Unused codes").get_by_role("listitem").all_inner_texts()
    assert fits(page)
    with page.expect_download() as started:
        page.get_by_role("link", name="Download").click()
    assert started.value.path().read_text().split() == shown
    assert started.value.suggested_filename == "orbit-recovery-codes.txt"
    return shown


@pytest.mark.full
@pytest.mark.parametrize("width", [1280, pytest.param(390, marks=pytest.mark.full)])
def test_passkey_from_adding_it_to_signing_in_without_a_password(
    new_page: NewPage, named: str, tenant: Tenant, width: int
) -> None:
    page = new_page(viewport={"width": width, "height": 800}, base_url=named, expected=REFUSED)
    has_authenticator(page)
    require_mfa(tenant)
    sign_in(page, tenant.owner.email, tenant.path)
    expect(page.get_by_role("heading", name="Acme GmbH asks for a second factor")).to_be_visible()
    assert fits(page)
    page.get_by_role("link", name="Add a passkey").click()
    type_password_again(page)
    expect(page.get_by_role("heading", name="Add a passkey")).to_be_visible()
    expect(page.get_by_label("Also sign in with it")).to_be_checked()
    assert fits(page)
    page.get_by_role("button", name="Add the passkey").click()
    assert len(keep_codes(page)) == 10
    page.get_by_role("link", name="I have kept them").click()
    page.get_by_role("link", name="Confirm with your second factor").click()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    page.goto("/accounts/2fa/webauthn/")
    expect(page.get_by_text("instead of the password")).to_be_visible()
    assert fits(page)

    page.locator("[popovertarget='account-menu']").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert fits(page)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()

    # and as the second factor after the password
    page.locator("[popovertarget='account-menu']").click()
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, tenant.owner.email, tenant.path)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def test_authenticator_app_from_required_to_in(new_page: NewPage, tenant: Tenant) -> None:
    page = new_page(viewport=PHONE, expected=REFUSED)
    require_mfa(tenant)
    sign_in(page, tenant.owner.email, tenant.path)
    expect(page.get_by_role("heading", name="Acme GmbH asks for a second factor")).to_be_visible()
    # under a bare address there are no passkeys, so none is offered
    expect(page.get_by_role("link", name="Add a passkey")).to_have_count(0)
    page.get_by_role("link", name="Set up an authenticator app").click()
    type_password_again(page)
    secret = page.get_by_label("Authenticator secret").input_value()
    assert fits(page)
    page.get_by_label("Code").fill(code(secret))
    page.get_by_role("button", name="Turn on").click()
    spare = keep_codes(page)[0]
    page.get_by_role("link", name="I have kept them").click()
    page.get_by_role("link", name="Confirm with your second factor").click()
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    assert fits(page)
    page.get_by_label("Code").fill(code(secret))
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()

    # signed in anew, without the app: one recovery code fewer
    page.locator("[popovertarget='account-menu']").click()
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, tenant.owner.email, tenant.path)
    page.get_by_label("Code").fill(spare)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    page.goto("/accounts/2fa/")
    expect(page.get_by_text("9 left")).to_be_visible()
    assert fits(page)


@pytest.mark.full
def test_browser_follows_no_target_off_the_site(new_page: NewPage, server: str, tenant: Tenant) -> None:
    page = new_page(expected="status of 40")
    sign_in(page, tenant.owner.email)
    for target in OFF_SITE:
        page.goto(f"/accounts/login/?next={quote(target)}")
        assert page.url.startswith(f"{server}/"), target


@pytest.mark.full
def test_passkey_that_is_refused_is_told_on_the_page(new_page: NewPage, named: str) -> None:
    page = new_page(viewport=PHONE, base_url=named)
    has_authenticator(page)  # with no passkey on it
    page.goto("/accounts/login/")
    expect(page.get_by_text("The passkey was not used")).to_be_hidden()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_text("The passkey was not used")).to_be_visible()


@pytest.mark.full
def test_session_of_another_browser_is_seen_and_ended(new_page: NewPage, tenant: Tenant) -> None:
    mine = new_page(viewport=PHONE)
    other = new_page(user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")
    third = new_page()
    for page in (mine, other, third):
        sign_in(page, tenant.owner.email, "/organizations/")
    mine.goto("/accounts/sessions/")
    expect(mine.get_by_text("this one")).to_have_count(1)
    expect(mine.get_by_text("Firefox on Linux")).to_be_visible()
    assert fits(mine)
    mine.get_by_role("button", name="End the session of Firefox").click()
    expect(mine.get_by_text("The session has ended.")).to_be_visible()
    other.goto("/organizations/")
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    mine.get_by_role("button", name="End all other sessions").click()
    expect(mine.get_by_text("All other sessions have ended.")).to_be_visible()
    third.goto("/organizations/")
    expect(third.get_by_role("heading", name="Sign in")).to_be_visible()
    mine.goto("/organizations/")
    expect(mine.get_by_role("heading", name="Your organizations")).to_be_visible()
