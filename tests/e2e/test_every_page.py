"""Every page of ours, found by the resolver, on a demo with its history: looked at in Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext
from playwright.sync_api import Page as Tab

from orbit.demo.provider.process import ProviderHandle
from tests.console import things
from tests.console.every_page import Page, Place, place
from tests.demo.made import made_demo
from tests.e2e.looked_at import WIDE, Load, look

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

MOST_BYTES = 300_000
# What stands for all of them where there is little time.
SAMPLE = {"account_login", "call", "members", "edit_policy"}
# A viewer of the API's description, from a package; it is no page that one works with.
HEAVY = {"api_docs"}
_FOREIGN = {"api_docs"}  # what it draws is the package's


@pytest.fixture(scope="module")
def demo(
    tmp_path_factory: pytest.TempPathFactory, provider: ProviderHandle, server: str, database: None
) -> Place:
    with made_demo(provider.base_url, tmp_path_factory.mktemp("demo")) as made:
        calls = made.events(kind="call")
    things.grow(made.organization, made.owner, 0, 2)
    things.keep_mail(made.owner.email)
    return place(made.organization, made.owner, str(calls[-1].event_id))


@pytest.fixture(scope="module")
def contexts(browser: Browser, server: str, demo: Place) -> Iterator[dict[str, BrowserContext]]:
    """One for each visitor. By the machine's name: under a bare address there are no passkeys."""
    made = {}
    for visitor, client in demo.visitors.items():
        made[visitor] = context = browser.new_context(base_url=server, viewport=WIDE)
        cookie = client.cookies.get(settings.SESSION_COOKIE_NAME)
        if cookie:
            context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": server}])
    yield made
    for context in made.values():
        context.close()


@contextmanager
def opened(context: BrowserContext, server: str, page: Page) -> Iterator[tuple[Tab, Load, list[str]]]:
    tab, complaints = context.new_page(), []
    load = Load(server)
    network = context.new_cdp_session(tab)
    network.send("Network.enable")
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})
    tab.on("response", load.note)
    tab.on(
        "console", lambda said: complaints.append(f"console: {said.text}") if said.type == "error" else None
    )
    tab.on("pageerror", lambda error: complaints.append(f"script: {error}"))
    tab.goto(page.path)
    yield tab, load, complaints
    tab.close()


@pytest.mark.parametrize(
    "whole", [False, pytest.param(True, marks=pytest.mark.full)], ids=["sample", "whole"]
)
def test_pages_hold_before_axe_the_keyboard_a_phone_and_the_dark(
    demo: Place, contexts: dict[str, BrowserContext], server: str, whole: bool
) -> None:
    pages = demo.pages(only=() if whole else SAMPLE)
    assert len(pages) > 50 if whole else {page.name for page in pages} == SAMPLE
    wrong, sizes = {}, {}
    for page in pages:
        with opened(contexts[page.visitor], server, page) as (tab, load, complaints):
            tab.wait_for_load_state("networkidle" if page.name in _FOREIGN else "load")
            size = sizes[page.name] = load.size()
            found = [f"asks {one}" for one in load.elsewhere()]
            found += [] if page.name in _FOREIGN else look(tab)
            found += complaints
            if size > MOST_BYTES and page.name not in HEAVY:
                found.append(f"weighs {size} bytes")
            if found:
                wrong[page.name] = found
    print(
        "\n".join(
            f"{size / 1000:7.1f} KB {name}" for name, size in sorted(sizes.items(), key=lambda one: -one[1])
        )
    )
    assert not wrong, "\n".join(f"{name}: {one}" for name, found in wrong.items() for one in found)
