from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.console.conftest import make_person
from tests.e2e.conftest import NewPage, can_sign_in, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


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
