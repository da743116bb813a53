#!/usr/bin/env python3
"""Takes the pictures of docs/images from a running installation.

    .venv/bin/python docs/screenshots.py --base http://127.0.0.1:8080 --email EMAIL --password PASSWORD

The person must belong to the demo organization, which had calls today, and be staff for the picture of the admin.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Literal

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from playwright.sync_api import Browser, Page, StorageState, ViewportSize, sync_playwright

from orbit.launcher.chromium import find_chromium, how_to_get_one

IMAGES = Path(__file__).resolve().parent / "images"
SIZE = ViewportSize(width=1280, height=1000)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for option in ("--base", "--email", "--password"):
        parser.add_argument(option, required=True)
    options = parser.parse_args()
    chromium = find_chromium()
    if chromium is None:
        sys.exit(f"No Chromium was found. {how_to_get_one()}")
    IMAGES.mkdir(exist_ok=True)
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=sandbox)
        take_all(browser, options.base.rstrip("/"), options.email, options.password)
        browser.close()


def take_all(browser: Browser, base: str, email: str, password: str) -> None:
    page = browser.new_page(base_url=base, viewport=SIZE)
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/accounts/" not in url)
    page.goto("/o/demo/")  # a person of several organizations would be asked to choose
    page.get_by_role("heading", name="Today").wait_for()
    dashboard = page.url
    call = page.get_by_role("region", name="Latest calls").get_by_role("link").first.get_attribute("href")
    signed_in = page.context.storage_state()
    take(open_page(browser, base, signed_in, dark=True), dashboard, "dashboard-dark")
    light = open_page(browser, base, signed_in)
    take(light, dashboard, "dashboard")
    if call:
        take(light, call, "call")
    take(light, "/admin/audit/event/", "admin")


def open_page(browser: Browser, base: str, signed_in: StorageState, *, dark: bool = False) -> Page:
    scheme: Literal["dark", "light"] = "dark" if dark else "light"
    context = browser.new_context(base_url=base, storage_state=signed_in, color_scheme=scheme, viewport=SIZE)
    return context.new_page()


def take(page: Page, address: str, name: str) -> None:
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=IMAGES / f"{name}.png")
    sys.stdout.write(f"{IMAGES / name}.png\n")


if __name__ == "__main__":
    main()
