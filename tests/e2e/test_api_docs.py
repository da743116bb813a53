"""The management API's interactive page: it works under our content policy, and calls for real."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tenants import services
from tests.console.conftest import Tenant
from tests.e2e.conftest import NewPage, fits, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def _key(tenant: Tenant) -> str:
    _, text = services.issue_management_key(
        organization_id=tenant.organization.pk, name="docs", scopes=["organization.read"], actor="test"
    )
    return text


def _authorize(page: Page, key: str) -> None:
    page.get_by_role("button", name="Authorize").click()
    page.get_by_label("auth-bearer-value").fill(key)
    page.get_by_role("button", name="Apply credentials").click()
    page.get_by_role("button", name="Close").last.click()


def _try_me(page: Page) -> None:
    page.locator("#operations-tag-me").get_by_role("button", name="Expand operation").click()
    operation = page.locator("#operations-me-read_me")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()


@pytest.mark.full
@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.full)])
def test_pasted_key_opens_what_is_tried_out(new_page: NewPage, tenant: Tenant, scheme: str) -> None:
    page = new_page(color_scheme=scheme)
    page.goto("/api/v1/docs")
    _authorize(page, _key(tenant))
    _try_me(page)
    answer = page.locator("#operations-me-read_me .live-responses-table")
    expect(answer.locator("tbody .response-col_status").first).to_contain_text("200")
    expect(answer).to_contain_text(tenant.organization.slug)
    assert fits(page)


@pytest.mark.full
def test_key_is_gone_when_the_page_is_left(new_page: NewPage, tenant: Tenant) -> None:
    page = new_page()
    page.goto("/api/v1/docs")
    key = _key(tenant)
    _authorize(page, key)
    expect(page.locator(".auth-wrapper .authorize.locked")).to_be_visible()
    kept = page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])")
    assert key not in kept
    page.reload()
    expect(page.locator(".auth-wrapper .authorize.unlocked")).to_be_visible()


@pytest.mark.full
def test_page_is_found_and_leads_back(new_page: NewPage, tenant: Tenant) -> None:
    page = new_page()
    sign_in(page, tenant.owner.email)
    page.locator("[popovertarget='account-menu']").click()
    page.get_by_role("link", name="Management API").click()
    expect(page.get_by_role("link", name="OpenAPI description")).to_have_attribute("href", "/api/v1/schema")
    page.get_by_role("link", name="Orbit Gateway").click()
    expect(page.locator("[popovertarget='account-menu']")).to_be_visible()
