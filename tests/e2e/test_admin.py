from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tenants import services
from tests.console.conftest import Tenant, make_person
from tests.e2e.conftest import NewPage, can_sign_in, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.mark.full
def test_people_are_found_and_changed(new_page: NewPage) -> None:
    operator = make_person(is_staff=True, is_superuser=True)
    can_sign_in(operator)
    page = new_page()
    sign_in(page, operator.email, "/admin/")
    page.get_by_role("link", name="People").first.click()
    page.locator("#searchbar").fill(operator.email)
    page.keyboard.press("Enter")
    page.locator("#result_list").get_by_role("link", name=operator.email).click()
    page.get_by_label("Name").fill("Grace")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()


@pytest.mark.full
def test_pages_keep_to_their_policy(new_page: NewPage) -> None:
    operator = make_person(is_staff=True, is_superuser=True)
    can_sign_in(operator)
    page = new_page(color_scheme="dark")
    sign_in(page, operator.email, "/admin/")
    for path in (
        "audit/event/",
        "quotas/usagebucket/",
        "tenants/organization/",
        "tenants/person/add/",
        "auth/group/add/",
        "account/emailaddress/add/",
        "django_celery_beat/periodictask/add/",
        "django_celery_beat/crontabschedule/add/",
    ):
        page.goto(f"/admin/{path}")
        expect(page.get_by_role("navigation").first).to_be_attached()


@pytest.mark.full
def test_a_leaked_key_is_traced_and_ticked_ones_are_revoked(new_page: NewPage, tenant: Tenant) -> None:
    operator = make_person(is_staff=True, is_superuser=True)
    can_sign_in(operator)
    secrets = [_issued(tenant, name) for name in ("leaked", "old")]
    page = new_page(color_scheme="dark")
    sign_in(page, operator.email, "/admin/tenants/apikey/")
    page.get_by_role("link", name="Find a leaked key").click()
    page.get_by_label("Key", exact=True).fill(secrets[0])
    page.get_by_role("button", name="Look up", exact=True).click()
    path = f"{tenant.organization.slug}/chatbot/leaked"
    expect(page.get_by_role("heading", name=path)).to_be_visible()
    expect(page.get_by_label("Key", exact=True)).to_have_value("")
    page.goto(f"/admin/tenants/apikey/?q={tenant.organization.slug}")
    for box in page.locator("#result_list tbody input.action-select").all():
        box.check()
    page.locator("select[name=action]").select_option("revoke")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("Revoke 2 keys for good?")).to_be_visible()
    page.get_by_label("Reason").fill("seen in a public repository")
    page.get_by_role("button", name="Revoke 2 keys").click()
    expect(page.get_by_text("2 revoked.")).to_be_visible()
    page.goto(f"/admin/tenants/organization/{tenant.organization.pk}/change/")
    expect(page.get_by_role("region", name="At a glance")).to_be_visible()
    page.goto(f"/admin/tenants/person/{tenant.owner.pk}/change/")
    expect(page.get_by_role("region", name="At a glance")).to_contain_text(tenant.organization.slug)


def _issued(tenant: Tenant, name: str) -> str:
    where = tenant.organization.pk
    return services.issue_key(organization_id=where, project=tenant.project.slug, name=name, actor="test")[1]
