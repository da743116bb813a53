"""Somebody who has nothing but a keyboard: gets to things by Tab, and sees where the focus is."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Page

MOST_TABS = 150
_FOCUSED = """() => {
  const one = document.activeElement;
  const text = one.getAttribute("aria-label") || one.labels?.[0]?.textContent || one.textContent || "";
  return text.replace(/\\s+/g, " ").trim();
}"""


@dataclass
class Keyboard:
    page: Page

    def reach(self, name: str) -> None:
        """By Tab, to what is called so or begins so."""
        passed: list[str] = []
        for _ in range(MOST_TABS):
            self.page.keyboard.press("Tab")
            passed.append(self.page.evaluate(_FOCUSED))
            if passed[-1].startswith(name):
                return
        raise AssertionError(f"Tab does not get to {name!r}, but to {list(dict.fromkeys(passed))}")

    def fill(self, name: str, text: str) -> None:
        self.reach(name)
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.type(text)

    def press(self, name: str, key: str = "Enter") -> None:
        self.reach(name)
        self.page.keyboard.press(key)

    def follow(self, name: str) -> None:
        """A link or a button that leads to another page."""
        self.reach(name)
        self.send()

    def send(self) -> None:
        """Enter, where it leads to another page."""
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def section(self, name: str) -> None:
        """By the navigation, which is behind a button where there is no room for it."""
        if self.page.get_by_role("button", name="Menu", exact=True).is_visible():
            self.press("Menu")
        self.follow(name)
