"""From a provider account to a narrowed key, and to the end of the project; by keyboard where it can be."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from orbit.demo.provider.process import ProviderHandle
from tests.console.conftest import Tenant
from tests.e2e.conftest import NewPage, fits, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.mark.parametrize("width", [1280, pytest.param(390, marks=pytest.mark.full)])
def test_what_an_organization_has_is_made_and_ended_on_its_pages(
    new_page: NewPage, tenant: Tenant, provider: ProviderHandle, width: int
) -> None:
    page = new_page(viewport={"width": width, "height": 800})
    sign_in(page, tenant.owner.email, f"{tenant.path}providers/")
    page.get_by_role("link", name="Connect an account").click()
    page.get_by_label("Name", exact=True).fill("main")
    page.get_by_label("Address").fill(provider.base_url)
    page.get_by_label("API key of the provider").fill("sk-demo-5b1d0f7c2a9e4836")
    page.get_by_role("button", name="Test and connect").click()
    expect(page.get_by_text("main is connected, and offers")).to_be_visible()
    page.get_by_role("button", name="Test it now").click()
    expect(page.get_by_role("heading", name="It works")).to_be_visible()
    assert fits(page)

    page.get_by_role("link", name="Route gpt-4o-mini", exact=True).click()
    expect(page.get_by_label("Name that applications call")).to_have_value("gpt-4o-mini")
    page.get_by_role("button", name="Add a target").press("Enter")
    expect(page.get_by_label("Account of target 2")).to_be_focused()
    page.get_by_label("Provider’s name of the model of target 2").fill("gpt-4o")
    page.get_by_label("Weight of target 2").fill("0")
    assert fits(page)
    page.get_by_role("button", name="Add the model").click()
    expect(page.get_by_text("spare, when all others fail or rest")).to_be_visible()
    assert fits(page)

    _issue(page, tenant)
    page.goto(f"{tenant.path}projects/{tenant.project.pk}/")
    archive = page.get_by_label("Archive Chatbot")
    archive.focus()
    archive.press("Enter")
    expect(page.get_by_text("Its one key is revoked for good")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("chatbot was archived, and its keys were revoked")).to_be_visible()
    assert fits(page)


def _issue(page: Page, tenant: Tenant) -> None:
    page.goto(f"{tenant.path}keys/")
    page.get_by_label("Name", exact=True).fill("narrow")
    page.get_by_text("Narrow it, let it end, have it rotated").click()
    page.get_by_label("Only these models").fill("gpt-4o-mini")
    page.get_by_label("embeddings").check()
    assert fits(page)
    page.get_by_role("button", name="Issue").click()
    expect(page.get_by_text("This is the only time that it is shown")).to_be_visible()
    page.get_by_role("link", name="narrow").click()
    expect(page.get_by_label("Only these models")).to_have_value("gpt-4o-mini")
    expect(page.get_by_label("embeddings")).to_be_checked()
    assert fits(page)
