"""What is looked for on a page: by axe, by keyboard, at a phone's width, in the dark, by what it loads."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from django.contrib.staticfiles import finders
from playwright.sync_api import Page, Response, ViewportSize

WIDE, NARROW = ViewportSize(width=1280, height=900), ViewportSize(width=390, height=844)
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_STATIC = "/static/"


@cache
def scripts() -> str:
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text()
    return axe + (Path(__file__).parent / "checks.js").read_text()


@dataclass
class Load:
    """The first load of a page: its bytes as they travel, and whom it asks."""

    origin: str
    answers: list[Response] = field(default_factory=list)

    def note(self, answer: Response) -> None:
        self.answers.append(answer)

    def elsewhere(self) -> list[str]:
        return [one.url for one in self.answers if not one.url.startswith((f"{self.origin}/", "data:"))]

    def size(self) -> int:
        return sum(self._size(one) for one in self.answers if one.url.startswith(f"{self.origin}/"))

    def _size(self, answer: Response) -> int:
        path = urlsplit(answer.url).path
        if path.startswith(_STATIC):
            return compressed(path.removeprefix(_STATIC))
        return len(answer.body()) if answer.status == 200 else 0


@cache
def compressed(name: str) -> int:
    """As an installation sends it, whose start compresses the static files; the suite's server does not."""
    found = finders.find(name)
    assert found, name
    return len(gzip.compress(Path(found).read_bytes(), 9))


def look(page: Page) -> list[str]:
    """What is wrong with the page that is open, wide and light, in words."""
    page.evaluate(scripts())
    wrong = [f"keyboard: {one}" for one in _by_keyboard(page)]
    page.evaluate("orbitChecks.openAll()")
    wrong += [f"axe, light: {one}" for one in _axe(page, {"runOnly": WCAG})]
    page.emulate_media(color_scheme="dark")
    wrong += [f"axe, dark: {one}" for one in _axe(page, {"runOnly": ["color-contrast"]})]
    page.set_viewport_size(NARROW)
    wrong += [f"narrow: {one} sticks out" for one in page.evaluate("orbitChecks.sticksOut()")]
    wrong += [f"narrow: {one} is cut" for one in page.evaluate("orbitChecks.cut()")]
    wrong += [f"axe, narrow and dark: {one}" for one in _axe(page, {"runOnly": WCAG})]
    return wrong + [f"menu: {one}" for one in _menus(page)]


def _axe(page: Page, rules: dict[str, list[str]]) -> list[str]:
    # What is half out of sight, or under the link that skips to the page, would count as covered.
    page.evaluate("document.activeElement?.blur(), scrollTo(0, 0)")
    found: list[str] = page.evaluate("rules => orbitChecks.axe(rules)", rules)
    return found


def _by_keyboard(page: Page) -> list[str]:
    """Tab goes through everything once, in order, and each stop is seen to have the focus."""
    page.evaluate("document.activeElement?.blur()")
    stops = page.evaluate("orbitChecks.watchFocus()")
    for _ in range(stops + 2):
        page.keyboard.press("Tab")
    told = page.evaluate("orbitChecks.focusTold()")
    wrong = [f"{kind} {one}" for kind in ("missed", "unringed", "unseen", "jumps") for one in told[kind]]
    if page.locator("a[href='#main']").count() and "Skip to the page" not in told["first"]:
        wrong.append(f"the first stop is {told['first']}")
    return wrong


def _menus(page: Page) -> list[str]:
    """Enter opens, Escape closes, and the focus is back on the button."""
    wrong = []
    for button in page.locator("header button[popovertarget]").all():
        menu = page.locator(f"#{button.get_attribute('popovertarget')}")
        button.focus()
        page.keyboard.press("Enter")
        opened = menu.is_visible()
        page.keyboard.press("Escape")
        back = button.evaluate("one => one === document.activeElement")
        if not opened or menu.is_visible() or not back:
            wrong.append(f"{button.inner_text()}: opened {opened}, closed {menu.is_hidden()}, focus {back}")
    return wrong
