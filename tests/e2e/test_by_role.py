"""A developer's and finance's days, as docs/guides has them; what other roles do stands with the pages they do it on."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from orbit.lib import access
from tenants.models import ApiKey
from tests.console.conftest import Tenant, quarter
from tests.e2e.conftest import NewPage, fits, go_to, joined, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
WIDTHS = [1280, pytest.param(390, marks=pytest.mark.full)]


@pytest.fixture
def spent(tenant: Tenant) -> Tenant:
    """A dollar and a half this month, three quarters of a dollar in the last."""
    now = datetime.now(UTC)
    # where the month may be the next one already
    here = now.astimezone(ZoneInfo(tenant.organization.time_zone))
    before = here.replace(day=1, hour=12) - timedelta(days=3)
    tenant.call(now, cost_nano=1_500_000_000)
    tenant.bucket(quarter(now), requests=1, input_tokens=1200, output_tokens=34, cost_nano=1_500_000_000)
    tenant.bucket(quarter(before), requests=1, input_tokens=600, output_tokens=17, cost_nano=750_000_000)
    return tenant


@pytest.mark.full
@pytest.mark.parametrize("width", WIDTHS)
def test_finance_finds_the_months_figures_and_why_a_call_cost_what_it_cost(
    new_page: NewPage, spent: Tenant, width: int
) -> None:
    page = new_page(viewport={"width": width, "height": 900})
    sign_in(page, joined(spent, "finance").email)
    days = page.get_by_role("navigation", name="Days")
    days.get_by_role("link", name="This month").click()
    expect(page.get_by_title("$1.50").first).to_be_visible()
    expect(page.get_by_text("compared with last month")).to_be_visible()
    assert fits(page)
    assert _spend_of_csv(page) == pytest.approx(1.5)
    days.get_by_role("link", name="Last month").click()
    expect(page.get_by_title("$0.75").first).to_be_visible()
    assert page.url.endswith("?range=last-month")  # can be kept or sent
    page.get_by_role("navigation", name="Break down by").get_by_role("link", name="Project").click()
    page.get_by_role("link", name="only this: chatbot").click()
    expect(page.get_by_role("link", name="project chatbot: show all again")).to_be_visible()
    assert _spend_of_csv(page) == pytest.approx(0.75)
    assert fits(page)
    go_to(page, "Calls")
    page.locator("tbody a").first.click()
    expect(page.get_by_role("heading", name="What it was charged by")).to_be_visible()
    expect(page.get_by_text("$1.50").first).to_be_visible()
    assert fits(page)
    expect(page.locator("#sections").get_by_role("link", name="Contents")).to_have_count(0)


@pytest.mark.parametrize("width", WIDTHS)
def test_developer_gets_a_key_finds_the_call_and_why_another_is_refused(
    new_page: NewPage, tenant: Tenant, width: int
) -> None:
    developer = joined(tenant, "developer")
    page = new_page(viewport={"width": width, "height": 900})
    sign_in(page, developer.email)
    go_to(page, "Keys")
    page.get_by_label("Name", exact=True).fill("laptop")
    page.get_by_label("Owner").last.fill(developer.email)
    page.get_by_role("button", name="Issue", exact=True).click()
    expect(page.locator("#issued")).to_contain_text("orb_")
    assert fits(page)
    call = _called_with(tenant, "laptop")

    go_to(page, "My usage")
    expect(page.get_by_title("$0.25").first).to_be_visible()
    assert fits(page)
    go_to(page, "Calls")
    page.get_by_text("More filters").click()
    page.get_by_label("Request id").fill(call)
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url(f"**/calls/{call}/")
    expect(page.get_by_role("heading", name="What it was held to")).to_be_visible()
    go_to(page, "Requests")
    page.get_by_text("Why is a call refused?").click()
    page.get_by_label("Key", exact=True).fill("chatbot/laptop")
    page.get_by_label("Model", exact=True).fill("fast")
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_text("this key may not use it")).to_be_visible()
    expect(page.get_by_role("link", name="Ask for what is missing")).to_be_visible()
    assert fits(page)
    expect(page.get_by_role("link", name="Sign-in settings")).to_have_count(0)


def _called_with(tenant: Tenant, name: str) -> str:
    """The id of a call that cost a quarter of a dollar."""
    now = datetime.now(UTC)
    with access.scope(organization_id=tenant.organization.pk):
        key = ApiKey.objects.get(name=name)
    tenant.bucket(quarter(now), key.pk, requests=1, input_tokens=9, cost_nano=250_000_000)
    return str(tenant.call(now, key_id=key.pk, key=name, cost_nano=250_000_000).event_id)


def _spend_of_csv(page: Page) -> float:
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV of Spend").click()
    return sum(
        float(line[1]) for line in list(csv.reader(download.value.path().read_text().splitlines()))[1:]
    )
