from __future__ import annotations

import secrets

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import PASSWORD, NewPage, fits

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.mark.parametrize("width", [1280, pytest.param(390, marks=pytest.mark.full)])
def test_from_signing_up_to_the_page_that_says_what_comes_next(new_page: NewPage, width: int) -> None:
    page = new_page(viewport={"width": width, "height": 800})
    email = f"new-{secrets.token_hex(6)}@example.org"
    page.goto("/accounts/signup/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("heading", name="Confirm your address")).to_be_visible()
    page.get_by_role("link", name="open the outbox").click()
    page.get_by_role("link", name=email).click()
    page.get_by_role("link", name="/accounts/confirm-email/").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="You do not belong to an organization yet")).to_be_visible()
    assert fits(page)
    page.get_by_role("link", name="Look again").click()
    expect(page.get_by_text("manage.py add_member")).to_be_visible()
    expect(page.get_by_role("link", name="Create an organization")).to_be_visible()
