"""Chromium signs in through a real OpenID provider, which runs as a process of its own."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from orbit.lib import access
from tenants.models import Domain
from tenants.services import record_of
from tests.console.conftest import Tenant
from tests.e2e.conftest import NewPage, fits, go_to, running_server, sign_in
from tests.name_server import NameServer, running_name_server
from tests.nanoidp import CLIENT_ID, CLIENT_SECRET, PASSWORD, NanoIdp, running_nanoidp

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module", autouse=True)
def surroundings() -> Iterator[tuple[NanoIdp, NameServer]]:
    """Before the server, which is told of them by its environment."""
    with (
        running_nanoidp() as provider,
        running_name_server() as names,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("ORBIT_PRIVATE_TARGETS", f"127.0.0.1:{provider.port}")
        patch.setenv("ORBIT_DNS_SERVERS", names.address)
        patch.setenv("ORBIT_SSO_RECHECK_S", "0")
        yield provider, names


@pytest.fixture(scope="module")
def provider(surroundings: tuple[NanoIdp, NameServer]) -> NanoIdp:
    return surroundings[0]


@pytest.fixture(scope="module")
def names(surroundings: tuple[NanoIdp, NameServer]) -> NameServer:
    return surroundings[1]


@pytest.fixture(scope="module")
def server(
    surroundings: tuple[NanoIdp, NameServer], tmp_path_factory: pytest.TempPathFactory, provider: NanoIdp
) -> Iterator[str]:
    with running_server(tmp_path_factory.mktemp("server"), provider.port) as url:
        yield url


def at_the_provider(page: Page, name: str) -> None:
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Password").press("Enter")


@pytest.mark.full
@pytest.mark.parametrize("width", [1280, pytest.param(390, marks=pytest.mark.full)])
def test_two_groups_two_roles_and_a_removed_group(
    new_page: NewPage,
    browser: Browser,
    tenant: Tenant,
    provider: NanoIdp,
    names: NameServer,
    server: str,
    width: int,
) -> None:
    domain = f"d-{secrets.token_hex(6)}.example"
    slug, size = tenant.organization.slug, {"width": width, "height": 800}
    admin = new_page(viewport=size)

    sign_in(admin, tenant.owner.email)
    go_to(admin, "Members")
    admin.get_by_role("link", name="Sign-in settings").click()
    provider.allow(admin.get_by_label("Redirect URI").input_value())
    admin.get_by_label("Issuer URL").fill(provider.issuer)
    admin.get_by_label("Client id").fill(CLIENT_ID)
    admin.get_by_label("Client secret").fill(CLIENT_SECRET)
    for number, (group, role) in enumerate((("engineers", "developer"), ("accounting", "finance")), 1):
        admin.get_by_label(f"Group {number}", exact=True).fill(group)
        admin.get_by_label(f"Role of group {number}").select_option(role)
    admin.get_by_role("button", name="Test the issuer").click()
    expect(admin.get_by_text("The provider describes itself as we need it")).to_be_visible()
    expect(admin.get_by_label("Client secret")).to_have_value("")
    admin.get_by_label("Client secret").fill(CLIENT_SECRET)
    admin.get_by_role("button", name="Save").click()
    expect(admin.get_by_text("It counts from the next sign-in on")).to_be_visible()
    assert CLIENT_SECRET not in admin.content()
    admin.get_by_label("Domain", exact=True).fill(domain)
    admin.get_by_role("button", name="Add").click()
    expect(admin.get_by_text("Now place the TXT record")).to_be_visible()
    assert fits(admin)
    admin.get_by_role("button", name=f"Verify {domain}").click()
    expect(admin.get_by_text("there is no TXT record")).to_be_visible()
    with access.scope(organization_id=tenant.organization.pk):
        record, value = record_of(Domain.objects.get())
    names.records[record] = [value]
    admin.get_by_role("button", name=f"Verify {domain}").click()
    expect(admin.get_by_text(f"{domain} is verified.")).to_be_visible()
    assert fits(admin)

    user_of = {}
    for name, group in (("ada", "engineers"), ("pat", "accounting")):
        user = user_of[name] = f"{name}-{secrets.token_hex(4)}"
        provider.assign(user, f"{user}@{domain}", group)
        page = new_page(viewport=size)
        # what the provider's pages load from elsewhere is not there in a test
        page.context.route(re.compile("^https:"), lambda route: route.fulfill(status=200, body=""))
        page.goto("/")
        page.get_by_label("Email").fill(f"{user}@{domain}")
        page.get_by_role("button", name="Use single sign-on").click()
        expect(page.get_by_role("heading", name="Sign in to Acme GmbH")).to_be_visible()
        assert fits(page)
        page.get_by_role("button", name=f"Continue with 127.0.0.1:{provider.port}").click()
        at_the_provider(page, user)
        expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
        assert page.url == f"{server}/o/{slug}/"

        admin.goto(f"/o/{slug}/members/")
        row = admin.get_by_role("listitem").filter(has_text=user)
        expect(row.get_by_text("by the provider")).to_be_visible()
        expect(row.get_by_text("developer" if name == "ada" else "finance")).to_be_visible()
        assert fits(admin)
        if name == "ada":
            provider.assign(user, f"{user}@{domain}", "accounting")
            page.goto(f"/o/{slug}/members/")
            mine = page.get_by_role("listitem").filter(has_text=user)
            expect(mine.get_by_text("finance")).to_be_visible()
            provider.assign(user, f"{user}@{domain}")
            assert page.request.get(f"/o/{slug}/").status == 404
            admin.reload()
            expect(admin.get_by_text(user)).to_have_count(0)

    # A refusal is an error to the browser's console, so this is no page of new_page.
    with browser.new_context(base_url=server, viewport={"width": width, "height": 800}) as context:
        page = context.new_page()
        context.route(re.compile("^https:"), lambda route: route.fulfill(status=200, body=""))
        page.goto(f"/accounts/sso/{slug}/")
        page.get_by_role("button", name="Continue with").click()
        at_the_provider(page, user_of["ada"])
        expect(page.get_by_text("None of your groups at the provider")).to_be_visible()
        assert fits(page)
