#!/usr/bin/env python3
"""Takes the pictures of docs/images from a running installation.

    .venv/bin/python docs/screenshots.py --base http://127.0.0.1:8080 --email EMAIL --password PASSWORD

The person must belong to the demo organization, which had calls today, and be staff for the picture of the admin.
"""

from __future__ import annotations

import argparse
import os
import struct
import sys
import zlib
from pathlib import Path
from typing import Literal

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from playwright.sync_api import Browser, Page, StorageState, ViewportSize, sync_playwright

from orbit.launcher.chromium import find_chromium, how_to_get_one

IMAGES = Path(__file__).resolve().parent / "images"
SIZE = ViewportSize(width=1280, height=820)
MOST_BYTES = 150_000


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


# What the pictures are of, and where it is found when that is not the same in every demo: a page and a link on it.
PICTURES = {
    "dashboard": "/o/demo/",
    "dashboard-month": "/o/demo/?range=month",
    "setup": "/o/demo/start/",
    "policy-edit": "/o/demo/policies/research/edit/",
    "operator": "/operator/",
    "admin": "/admin/tenants/organization/",
}
DARK = {"dashboard-dark": "/o/demo/"}
CALL = ("/o/demo/calls/", "main tbody a")


def take_all(browser: Browser, base: str, email: str, password: str) -> None:
    page = browser.new_page(base_url=base, viewport=SIZE)
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/accounts/" not in url)
    page.goto(CALL[0])  # a person of several organizations would be asked to choose
    call = page.locator(CALL[1]).first.get_attribute("href")
    signed_in = page.context.storage_state()
    dark, light = open_page(browser, base, signed_in, dark=True), open_page(browser, base, signed_in)
    for name, address in DARK.items():
        take(dark, address, name)
    for name, address in {**PICTURES, "call": call or "/o/demo/calls/"}.items():
        take(light, address, name)


def open_page(browser: Browser, base: str, signed_in: StorageState, *, dark: bool = False) -> Page:
    scheme: Literal["dark", "light"] = "dark" if dark else "light"
    context = browser.new_context(base_url=base, storage_state=signed_in, color_scheme=scheme, viewport=SIZE)
    return context.new_page()


def take(page: Page, address: str, name: str) -> None:
    page.goto(address)
    page.wait_for_load_state("load")
    page.evaluate("document.fonts.ready")
    file = IMAGES / f"{name}.png"
    file.write_bytes(packed(page.screenshot()))
    size = file.stat().st_size
    sys.stdout.write(f"{size / 1000:5.0f} KB {file}\n")
    if size > MOST_BYTES:
        sys.exit(f"{file} is larger than {MOST_BYTES / 1000:.0f} KB.")


def packed(png: bytes) -> bytes:
    """The same picture in fewer bytes: a browser packs in a hurry."""
    header, parts, place = png[:8], [], 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        parts.append((png[place + 4 : place + 8], png[place + 8 : place + 8 + length]))
        place += length + 12
    pixels = zlib.compress(zlib.decompress(b"".join(data for kind, data in parts if kind == b"IDAT")), 9)
    kept = [one for one in parts if one[0] not in {b"IDAT", b"IEND"}]
    return header + b"".join(_chunk(*one) for one in [*kept, (b"IDAT", pixels), (b"IEND", b"")])


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


if __name__ == "__main__":
    main()
