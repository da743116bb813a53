"""Policies in a browser: edited in both views, tried, saved, rolled back; more asked for and approved; an organization frozen."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from console.policies import trials
from tenants import services
from tests.console.conftest import Tenant, make_person
from tests.e2e.conftest import NewPage, can_sign_in, fits, go_to, joined, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
WIDTHS = [1280, pytest.param(390, marks=pytest.mark.full)]


def work(tenant: Tenant, settings: Any) -> None:
    """What a worker would do, in the cache of the server."""
    location = os.environ["REDIS_URL"].rsplit("/", 1)[0] + "/15"
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": location}}
    trial = trials.latest(tenant.organization.pk, "default")
    assert trial is not None
    assert trials.run(tenant.organization.pk, trial.id)


def called(tenant: Tenant) -> None:
    key, _ = services.issue_key(
        organization_id=tenant.organization.pk, project="chatbot", name="production", actor="test"
    )
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
    for minute in range(3):
        moment = at + timedelta(minutes=minute)
        tenant.call(moment, key_id=key.pk, settled_at=moment)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_policy_is_edited_tried_saved_and_rolled_back(
    new_page: NewPage, tenant: Tenant, width: int, settings: Any
) -> None:
    called(tenant)
    page = new_page(viewport={"width": width, "height": 900})
    sign_in(page, tenant.owner.email)
    go_to(page, "Policies")
    page.get_by_role("link", name="default").click()
    assert fits(page)
    page.get_by_role("link", name="Edit").click()

    page.get_by_label("At most").nth(0).fill("sixty")
    expect(page.locator("#said-limit-0-limit")).to_contain_text("must be a whole number")
    expect(page.get_by_role("button", name="Save revision 2")).to_be_disabled()
    page.get_by_label("At most").nth(0).fill("90")
    expect(page.get_by_text("limits.rpm.limit: 60 → 90")).to_be_visible()
    page.get_by_role("button", name="Add a limit").click()
    page.get_by_label("Name", exact=True).nth(3).fill("few")
    page.get_by_label("Per", exact=True).nth(3).select_option("day")
    page.get_by_label("At most").nth(3).fill("1")
    expect(page.get_by_text("+ limits.few: 1 requests per day")).to_be_visible()

    page.get_by_role("tab", name="YAML").click()
    text = page.get_by_label("The policy as YAML")
    assert "limit: 90" in text.input_value()
    text.fill(text.input_value().replace("limit: 90", "limit: 95") + "colour: blue\n")
    expect(page.get_by_text("unknown field")).to_be_visible()
    page.get_by_role("button", name="Line").click()
    assert page.evaluate("document.getSelection().toString()") == "colour: blue"
    text.fill(text.input_value().replace("colour: blue\n", ""))
    expect(page.get_by_text("limits.rpm.limit: 60 → 95")).to_be_visible()
    page.get_by_role("tab", name="YAML").press("ArrowLeft")
    expect(page.get_by_label("At most").nth(0)).to_have_value("95")
    assert fits(page)

    page.get_by_label("Calls of the last").select_option("1")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("Waits for its turn")).to_be_visible()
    page.goto("/")  # one can leave
    work(tenant, settings)
    page.go_back()
    expect(page.get_by_text("2 of the 3 calls of the last day would have been refused")).to_be_visible()
    expect(page.get_by_role("cell", name="chatbot/production 2")).to_be_visible()
    assert fits(page)

    page.get_by_label("Why this change").fill("ticket 4711")
    page.get_by_role("button", name="Save revision 2").click()
    expect(page.get_by_text("Revision 2 is in force from the next call on")).to_be_visible()
    expect(page.get_by_text("At most 95 calls a minute")).to_be_visible()
    page.get_by_text("Go back to it…").click()
    page.get_by_label("Why").fill("too tight")
    page.get_by_role("button", name="Go back to revision 1").click()
    expect(page.get_by_text("It says what revision 1 said")).to_be_visible()
    expect(page.get_by_text("At most 60 calls a minute").first).to_be_visible()
    assert fits(page)


@pytest.mark.full
@pytest.mark.parametrize("width", WIDTHS)
def test_more_is_asked_for_and_approved_by_keyboard(new_page: NewPage, tenant: Tenant, width: int) -> None:
    size = {"width": width, "height": 900}
    developer = joined(tenant, "developer")
    asking, answering = new_page(viewport=size), new_page(viewport=size)
    sign_in(asking, developer.email, f"{tenant.path}requests/?limit=budget")
    expect(asking.get_by_label("What", exact=True)).to_have_value("limit:default:budget")
    asking.get_by_label("Raised to").press_sequentially("80.00")
    asking.get_by_label("Why", exact=True).press_sequentially("the fair")
    asking.get_by_label("Why", exact=True).press("Enter")
    expect(asking.get_by_text("Asked. Whoever may answer has mail")).to_be_visible()
    assert fits(asking)

    sign_in(answering, tenant.owner.email)
    go_to(answering, "Requests 1 to answer")
    expect(answering.get_by_text("the fair")).to_be_visible()
    answering.locator("summary", has_text="Approve…").press("Enter")
    answering.get_by_label("Raise budget to").fill("60.00")
    answering.get_by_label("Raise budget to").press("Enter")
    expect(answering.get_by_text("Approved, for 60.00 instead of 80.00")).to_be_visible()
    expect(answering.get_by_text("80.00 was asked for")).to_be_visible()
    assert fits(answering)
    asking.reload()
    expect(asking.get_by_text("budget: 60.00")).to_be_visible()


@pytest.mark.full
@pytest.mark.parametrize("width", WIDTHS)
def test_an_operator_freezes_an_organization_and_lifts_it(
    new_page: NewPage, tenant: Tenant, width: int
) -> None:
    operator = make_person(is_staff=True, is_superuser=True)
    can_sign_in(operator)
    page = new_page(viewport={"width": width, "height": 900})
    sign_in(page, operator.email, "/operator/")
    for title in ("Postgres", "Counting store", "Queues and backlogs", "Audit sinks"):
        expect(page.get_by_role("heading", name=title)).to_be_visible()
    assert fits(page)
    with page.expect_response(lambda answer: _refreshed(answer, "/operator/"), timeout=30_000) as asked:
        pass  # nobody does anything
    assert asked.value.ok
    page.get_by_role("link", name="Organizations", exact=True).last.click()
    page.get_by_label("Name, slug or id").fill(tenant.organization.slug)
    page.get_by_role("button", name="Find").click()
    page.locator("summary", has_text="Freeze…").click()
    expect(page.get_by_text("Every key of it is refused from its next call on")).to_be_visible()
    page.get_by_label("Why").fill("unpaid")
    page.get_by_role("button", name=f"Freeze {tenant.organization.slug}").click()
    expect(page.get_by_text("Acme GmbH is frozen")).to_be_visible()
    expect(page.get_by_text("frozen", exact=True).last).to_be_visible()
    assert fits(page)
    page.locator("summary", has_text="Unfreeze…").click()
    page.get_by_role("button", name=f"Unfreeze {tenant.organization.slug}").click()
    expect(page.get_by_text("works again from its next call on").first).to_be_visible()


def _refreshed(answer: Any, path: str) -> bool:
    return answer.url.endswith(path) and "hx-request" in answer.request.headers


@pytest.mark.full
def test_the_second_of_two_editors_is_told_and_keeps_the_draft(new_page: NewPage, tenant: Tenant) -> None:
    page = new_page(expected="409")
    sign_in(page, tenant.owner.email, f"{tenant.path}policies/default/edit/")
    _limit(page, "70")
    services.save_policy(
        organization_id=tenant.organization.pk,
        name="default",
        document={"limits": []},
        actor="ada@example.org",
        reason="all gone",
    )
    page.get_by_label("Why this change").fill("mine")
    page.get_by_role("button", name="Save revision 2").click()
    expect(page.get_by_text("ada@example.org saved revision 2")).to_be_visible()
    expect(page.get_by_label("At most").nth(0)).to_have_value("70")
    page.get_by_role("button", name="Save revision 3").click()
    expect(page.get_by_text("Revision 3 is in force")).to_be_visible()


def _limit(page: Page, amount: str) -> None:
    page.get_by_label("At most").nth(0).fill(amount)
    expect(page.get_by_text(f"limits.rpm.limit: 60 → {amount}")).to_be_visible()
