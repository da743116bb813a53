"""The documentation as a site is built without a dead link, asks nobody else, and is searched in the browser."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from orbit.launcher import pictures, site
from orbit.launcher.state import PROJECT

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("site")]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    setup = [sys.executable, "orbit/launcher/bootstrap.py", "docs"]
    subprocess.run(setup, cwd=PROJECT, check=True)
    place = tmp_path_factory.mktemp("site")
    site.build(place)
    return place


@pytest.fixture(scope="module")
def address(built: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    argv = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(built), str(port)]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(port)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(10)


def _wait(port: int) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < until, "the server of files did not start"
            time.sleep(0.05)


def test_every_page_of_the_repository_is_there(built: Path) -> None:
    """Strict mode has already failed on dead links and anchors, and on pages that are in no navigation."""
    for page in (PROJECT / "docs").rglob("*.md"):
        assert (built / page.relative_to(PROJECT).with_suffix("") / "index.html").exists(), page
    described = json.loads((built / "made/openapi.json").read_text())
    listed = (built / "made/endpoints/index.html").read_text()
    assert [one for one in described["paths"] if one.removeprefix("/api/v1") not in listed] == []
    assert json.loads((built / "made/events.schema.json").read_text())["$schema"]


def test_no_page_loads_anything_from_elsewhere(built: Path) -> None:
    loads = re.compile(r"<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=\"?(https?:)?//[^\s\">]+")
    for page in built.rglob("*.html"):
        found = [one[0] for one in loads.finditer(page.read_text()) if 'rel="canonical"' not in one[0]]
        assert found == [], page
    for sheet in built.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import )[\"']?(?:https?:)?//", sheet.read_text()), sheet


def test_it_is_read_and_searched_without_another_server(address: str, chromium_path: Path) -> None:
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=sandbox)
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{address}docs/architecture/")
        drawn = page.locator("img[src$='processes.svg']")
        assert drawn.evaluate("one => one.complete && one.naturalWidth > 100")
        page.locator("input[data-md-component='search-query']").fill("insufficient_quota")
        page.locator(".md-search-result__link").first.wait_for()
        assert page.locator(".md-search-result__link").count() > 0
        browser.close()
    assert [one for one in asked if not one.startswith((address, "data:", "blob:"))] == []


def test_pictures_are_of_their_sources(built: Path) -> None:
    for source in sorted(pictures.SOURCES.glob("*.dot")):
        assert (pictures.IMAGES / f"{source.stem}.svg").read_bytes() == pictures.drawn(source), source
