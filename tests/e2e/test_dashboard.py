from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.console.conftest import Tenant, quarter
from tests.e2e.conftest import NewPage, fits, go_to, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def busy(tenant: Tenant) -> Tenant:
    now = datetime.now(UTC)
    for n in range(3):
        tenant.call(now - timedelta(minutes=n))
    tenant.bucket(quarter(now), requests=3, input_tokens=3600, output_tokens=102, cost_nano=370_368)
    return tenant


def test_sign_in_look_and_open_a_call(busy: Tenant, new_page: NewPage) -> None:
    page = new_page()
    sign_in(page, busy.owner.email)
    assert page.url.endswith(busy.path)
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    expect(page.get_by_text("Europe/Berlin time")).to_be_visible()
    expect(page.get_by_title("$0.000370368").first).to_be_visible()
    expect(page.get_by_text("$50.00 free")).to_be_visible()
    page.get_by_role("region", name="Latest calls").get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="fast")).to_be_visible()
    expect(page.get_by_text("$0.000123456").first).to_be_visible()
    expect(page.get_by_text(str(busy.events[0].request_id))).to_be_visible()
    go_to(page, "Dashboard")
    expect(page.get_by_role("heading", name="Latest calls")).to_be_visible()


@pytest.mark.full
def test_figures_refresh_themselves_and_leave_open_what_is_open(busy: Tenant, new_page: NewPage) -> None:
    page = new_page()
    sign_in(page, busy.owner.email)
    table = page.locator("#table-calls")
    table.get_by_text("As a table").click()
    busy.call(datetime.now(UTC), model="brand-new")
    expect(page.get_by_role("cell", name="brand-new")).to_be_visible()
    expect(table.get_by_role("columnheader", name="Day")).to_be_visible()
    expect(page.get_by_text("not being refreshed")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.full)])
def test_phone(busy: Tenant, new_page: NewPage, scheme: str) -> None:
    page = new_page(viewport=PHONE, color_scheme=scheme)
    page.goto("/accounts/login/")
    assert fits(page)
    sign_in(page, busy.owner.email)
    expect(page.get_by_role("heading", name="Limits")).to_be_visible()
    assert fits(page)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = page.evaluate(
        "(colour) => { const c = document.createElement('canvas').getContext('2d'); c.fillStyle = colour;"
        " c.fillRect(0, 0, 1, 1); return c.getImageData(0, 0, 1, 1).data[0] }",
        background,
    )
    assert (brightness < 60) is (scheme == "dark")
    page.get_by_role("region", name="Latest calls").get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="The way it took")).to_be_visible()
    assert fits(page)
    page.locator("[popovertarget='account-menu']").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.full
def test_keyboard_alone(busy: Tenant, new_page: NewPage) -> None:
    page = new_page()
    page.goto("/accounts/login/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Email")).to_be_focused()
    page.keyboard.type(busy.owner.email)
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse battery")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    call = page.get_by_role("region", name="Latest calls").get_by_role("link").first
    call.focus()
    page.wait_for_timeout(5_000)  # longer than the page takes to refresh itself
    expect(call).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="How it ended")).to_be_visible()


def test_charts_by_keyboard(busy: Tenant, new_page: NewPage) -> None:
    page = new_page()
    sign_in(page, busy.owner.email)
    chart = page.get_by_role("figure", name="Spend per day")
    points = chart.locator(".chart-point")
    expect(points).to_have_count(30)
    expect(chart.locator(".chart-point[tabindex='0']")).to_have_count(1)
    points.last.focus()
    expect(chart.locator("[data-readout]")).to_contain_text("$0.00037")
    page.keyboard.press("ArrowLeft")
    expect(points.nth(28)).to_be_focused()
    expect(chart.locator("[data-readout]")).to_contain_text("$0.00")
    page.keyboard.press("Home")
    expect(points.first).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(points.first).to_be_focused()
    expect(points.first).to_have_accessible_name(re.compile(r".+: \$0\.00"))
    page.keyboard.press("End")
    href = str(points.last.get_attribute("href"))
    assert href.startswith(f"{busy.path}calls/?since=")
    points.nth(10).locator(".chart-place").hover()
    expect(chart.locator("[data-readout]")).to_have_text(str(points.nth(10).get_attribute("aria-label")))


@pytest.mark.full
def test_narrow_and_download(busy: Tenant, new_page: NewPage) -> None:
    page = new_page()
    sign_in(page, busy.owner.email)
    page.get_by_role("navigation", name="Break down by").get_by_role("link", name="Model").click()
    expect(page.get_by_role("heading", name="By model")).to_be_visible()
    page.get_by_role("link", name="only this: fast").click()
    expect(page.get_by_role("link", name="model fast: show all again")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV of Spend").click()
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 31
    assert lines[-1].split(",")[1] == "0.000370368"
    page.get_by_role("link", name="model fast: show all again").click()
    page.get_by_role("navigation", name="Days").get_by_role("link", name="Last month").click()
    expect(page.get_by_text("Nothing was called in these days")).to_be_visible()


def test_nothing_is_loaded_again_while_nothing_changes(busy: Tenant, new_page: NewPage) -> None:
    page = new_page()
    sign_in(page, busy.owner.email)
    with page.expect_response(lambda answer: "seen=" in answer.url) as answered:
        page.evaluate("htmx.trigger('#live', 'refresh')")
    assert answered.value.status == 204
    busy.call(datetime.now(UTC), model="brand-new")
    with page.expect_response(lambda answer: "seen=" in answer.url and answer.status == 200):
        page.evaluate("htmx.trigger('#live', 'refresh')")
    expect(page.get_by_role("cell", name="brand-new")).to_be_visible()
