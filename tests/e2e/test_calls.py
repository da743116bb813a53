"""Looking for a call, and trying models: in a browser, with a gateway behind it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from audit.models import Event
from orbit.lib import access
from tenants import services
from tests.conftest import MakeTenant
from tests.console.conftest import Tenant, make_person
from tests.e2e.conftest import NewPage, can_sign_in, fits, ledger_has, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def _rows(page: Page) -> int:
    return page.locator("tbody tr").count()


@pytest.mark.full
def test_filters_make_an_address_that_can_be_shared(new_page: NewPage, tenant: Tenant) -> None:
    now = datetime.now(UTC)
    for number in range(60):
        odd = {"status": "provider_failed", "code": "upstream_error", "model": "slow"}
        tenant.call(now - timedelta(minutes=number), **(odd if number % 10 == 0 else {}))
    page = new_page()
    sign_in(page, tenant.owner.email, f"{tenant.path}calls/")
    assert _rows(page) == 50
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_role("link", name="Newer")).to_be_visible()
    assert _rows(page) == 10
    page.get_by_label("Status").select_option("provider_failed")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("listitem").filter(has_text="provider failed")).to_be_visible()
    assert _rows(page) == 6
    assert page.url.endswith("/calls/?status=provider_failed")  # nothing that says nothing
    page.reload()
    assert _rows(page) == 6
    page.get_by_role("link", name=re.compile("remove this filter")).click()
    expect(page.locator("tbody tr")).to_have_count(50)
    page.go_back()
    expect(page.locator("tbody tr")).to_have_count(6)
    page.get_by_text("More filters").click()
    page.get_by_label("Request id").fill(str(tenant.events[3].event_id))
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url(f"**/calls/{tenant.events[3].event_id}/")
    expect(page.get_by_role("heading", name="The way it took")).to_be_visible()


def test_list_and_call_fit_a_phone(new_page: NewPage, tenant: Tenant) -> None:
    tenant.call(
        datetime.now(UTC), model="a-model-with-a-very-long-name-indeed-4-6-preview", end_user="x" * 80
    )
    page = new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
    sign_in(page, tenant.owner.email, f"{tenant.path}calls/")
    assert fits(page)
    page.locator("tbody a").first.click()
    expect(page.get_by_role("heading", name="What it was held to")).to_be_visible()
    assert fits(page)


def _answered(page: Page, count: int) -> None:
    ledger_has(page.get_by_role("link", name="in the ledger", exact=True), count)


def test_models_answer_side_by_side_and_a_refusal_is_explained(
    new_page: NewPage, make_tenant: MakeTenant
) -> None:
    made = make_tenant(limits=[{"name": "few", "meter": "requests", "per": "day", "limit": 3}])
    person = make_person()
    services.add_member(organization_id=made.id, person=person, role="developer", actor="test")
    can_sign_in(person)
    page = new_page(expected="429")
    sign_in(page, person.email, f"/o/{made.slug}/playground/")
    page.get_by_role("button", name="Use a key for this page").click()
    page.get_by_role("button", name="Compare with another model").click()
    page.get_by_label("Model 1").select_option("gpt-4o-mini")
    page.get_by_label("Model 2").select_option("gpt-4o")
    page.get_by_label("Message", exact=True).fill("Say hello.")
    page.get_by_role("button", name="Send").click()
    _answered(page, 2)
    assert page.get_by_text(re.compile(r"first token after .* tokens in, .* out · .* USD")).count() == 2
    with access.operator():
        calls = {str(one.event_id): one for one in Event.objects.filter(organization_id=made.id, kind="call")}
    shown = [one.get_attribute("href") or "" for one in page.get_by_role("link", name="in the ledger").all()]
    assert {href.rstrip("/").rpartition("/")[2] for href in shown} == set(calls)
    assert {one.model for one in calls.values()} == {"gpt-4o-mini", "gpt-4o"}

    page.get_by_text("As code").click()
    expect(page.locator("#code-curl")).to_contain_text("Say hello.")
    page.reload()  # the key stays in the tab
    page.get_by_label("Message", exact=True).fill("Again.")
    page.keyboard.press("Control+Enter")
    _answered(page, 1)
    page.get_by_label("Message", exact=True).fill("And again.")
    page.get_by_role("button", name="Send").click()
    refusal = page.get_by_role("alert").filter(has_text="few of organization")
    expect(refusal).to_contain_text("3 requests per day")
    expect(refusal).to_contain_text("insufficient_quota")
    expect(refusal.get_by_role("link", name="How the limits stand")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    assert fits(page)
