"""What people come for, done without a pointer: set up, issue a key, ask for more and approve it."""

from __future__ import annotations

import re
import secrets

import pytest
from playwright.sync_api import expect

from tests.console.conftest import Tenant
from tests.e2e.conftest import PASSWORD, NewPage, joined, ledger_has
from tests.e2e.keyboard import Keyboard

pytestmark = [pytest.mark.browser, pytest.mark.full, pytest.mark.xdist_group("browser")]
WIDTHS = [1280, 390]


def sign_in(keys: Keyboard, email: str, path: str = "/") -> None:
    keys.page.goto(path)
    keys.fill("Email", email)
    keys.fill("Password", PASSWORD)
    keys.send()


@pytest.mark.parametrize("width", WIDTHS)
def test_newcomer_gets_to_the_first_answered_call(new_page: NewPage, width: int) -> None:
    page = new_page(viewport={"width": width, "height": 900})
    keys, email = Keyboard(page), f"new-{secrets.token_hex(6)}@example.org"
    page.goto("/accounts/signup/")
    keys.fill("Email", email)
    keys.fill("Password", PASSWORD)
    keys.send()
    page.goto("/dev/outbox/")  # the mail program, which is not ours
    keys.follow(f"Confirm your address {email}")
    page.get_by_role("link", name="/accounts/confirm-email/").press("Enter")
    expect(page.get_by_role("button", name="Confirm")).to_be_visible()
    keys.follow("Confirm")
    keys.follow("Create an organization")
    keys.fill("Name", f"Acme {secrets.token_hex(4)}")
    keys.send()
    keys.follow("Use the demo provider")
    keys.follow("Choose the policy Trial")
    keys.follow("Issue a key")
    keys.press("Send it through the gateway")
    ledger_has(page.get_by_role("link", name="in the ledger"))
    expect(page.locator("[data-answer]")).not_to_be_empty()
    keys.follow("Call ")
    expect(page.get_by_role("heading", name="gpt-4o-mini").first).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_admin_issues_a_narrowed_key(new_page: NewPage, tenant: Tenant, width: int) -> None:
    page = new_page(viewport={"width": width, "height": 900})
    keys = Keyboard(page)
    sign_in(keys, joined(tenant, "admin").email)
    keys.section("Keys")
    keys.reach("Project of the key")
    keys.fill("Name", "batch")
    keys.press("Narrow it")
    keys.fill("Only these models", "gpt-4o-mini")
    keys.press("embeddings", "Space")
    keys.follow("Issue")
    expect(page.get_by_text("This is the only time that it is shown")).to_be_visible()
    expect(page.locator("#issued")).to_contain_text("orb_")
    keys.reach("Copy")
    keys.follow("batch")
    expect(page.get_by_label("Only these models")).to_have_value("gpt-4o-mini")
    expect(page.get_by_label("embeddings")).to_be_checked()


@pytest.mark.parametrize("width", WIDTHS)
def test_developer_asks_for_more_and_an_admin_approves(new_page: NewPage, tenant: Tenant, width: int) -> None:
    size = {"width": width, "height": 900}
    asking, answering = Keyboard(new_page(viewport=size)), Keyboard(new_page(viewport=size))
    sign_in(asking, joined(tenant, "developer").email)
    asking.section("Requests")
    asking.press("Ask for more")
    asking.reach("What")
    asking.page.keyboard.type("budget")
    expect(asking.page.get_by_label("What", exact=True)).to_have_value("limit:default:budget")
    asking.fill("Raised to", "80.00")
    asking.fill("Why", "the fair")
    asking.send()
    expect(asking.page.get_by_text("Asked. Whoever may answer has mail")).to_be_visible()

    sign_in(answering, joined(tenant, "admin").email)
    answering.section("Requests")
    answering.press("Approve…")
    answering.fill("Raise budget to", "60.00")
    answering.fill("A word to", "until the fair is over")
    answering.follow("Approve")
    expect(answering.page.get_by_text("Approved, for 60.00 instead of 80.00")).to_be_visible()
    asking.page.reload()
    expect(asking.page.get_by_text(re.compile("budget: 60.00"))).to_be_visible()
