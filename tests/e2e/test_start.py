"""From signing up to the first answered call, with nobody to ask."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from audit.models import Event
from orbit.lib import access
from tests.e2e.conftest import PASSWORD, NewPage, fits, ledger_has

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
MOST_INTERACTIONS = 12
MOST_S = 60  # on a quiet machine it takes a few seconds, so that a slow one is no reason to fail


class Hand:
    """Counts what one has to do."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.count = 0

    def types(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=True).fill(text)
        self.count += 1

    def presses(self, name: str, role: str = "button") -> None:
        self.page.get_by_role(role, name=name).first.click()  # type: ignore[arg-type]
        self.count += 1


def _figures(page: Page) -> str:
    """What the page says of the call once the ledger has it."""
    ledger_has(page.get_by_role("link", name="in the ledger"))
    return page.locator("[data-said]").inner_text()


@pytest.mark.parametrize("width", [1280, pytest.param(390, marks=pytest.mark.full)])
def test_from_sign_up_to_the_first_answered_call(
    new_page: NewPage, width: int, record_property: Callable[[str, object], None]
) -> None:
    page = new_page(viewport={"width": width, "height": 900})
    hand, email = Hand(page), f"new-{secrets.token_hex(6)}@example.org"
    began = time.monotonic()
    page.goto("/accounts/signup/")
    hand.types("Email", email)
    hand.types("Password", PASSWORD)
    hand.presses("Sign up")
    page.goto("/dev/outbox/")  # the mail program, which is not ours
    page.get_by_role("link", name=email).first.click()
    hand.presses("/accounts/confirm-email/", "link")
    hand.presses("Confirm")
    hand.presses("Create an organization", "link")
    hand.types("Name", f"Acme {secrets.token_hex(4)}")
    hand.presses("Create the organization")
    expect(page.get_by_role("heading", name="1. Connect a provider")).to_be_visible()
    assert fits(page)
    hand.presses("Use the demo provider")
    expect(page.get_by_text("short answers of gpt-4o-mini").first).to_be_visible()
    assert fits(page)
    hand.presses("Choose the policy Trial")
    hand.presses("Issue a key")
    expect(page.locator("#issued")).to_contain_text("orb_")
    assert fits(page)
    hand.presses("Send it through the gateway")
    expect(page.locator("[data-answer]")).not_to_be_empty()
    said = _figures(page)
    took_s = time.monotonic() - began
    assert " tokens in, " in said
    assert "USD" in said
    assert page.locator("[data-answer]").inner_text() != ""
    print(f"from sign-up to the first answered call: {took_s:.1f} s, {hand.count} interactions")
    record_property("newcomer_s", round(took_s, 1))
    record_property("newcomer_interactions", hand.count)
    assert hand.count <= MOST_INTERACTIONS
    assert took_s < MOST_S
    _is_in_the_ledger(page)


def _is_in_the_ledger(page: Page) -> None:
    key = page.locator("#issued").inner_text()
    assert key in page.locator("#snippet-curl").inner_text()
    page.get_by_role("link", name="in the ledger").click()
    event_id = page.url.rstrip("/").rpartition("/")[2]
    with access.operator():
        assert Event.objects.get(event_id=event_id).status == "settled"
    expect(page.get_by_role("heading", name="gpt-4o-mini").first).to_be_visible()
