"""A real server, and a browser that fails a test when a page complains."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from allauth.account.models import EmailAddress
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from audit.tasks import write_ledger
from orbit.demo.provider.process import ProviderHandle
from tenants import services
from tenants.models import Person
from tests.console.conftest import Tenant, make_person, make_tenant

PASSWORD = "correct horse battery"
_START_S = 90  # of a machine that does much else
expect.set_options(timeout=10_000)

NewPage = Callable[..., Page]


@pytest.fixture(autouse=True)
def _database(django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory, provider: ProviderHandle) -> Iterator[str]:
    with running_server(tmp_path_factory.mktemp("server"), provider.port) as url:
        yield url


@contextmanager
def running_server(folder: Path, provider_port: int) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    log = folder / "log"
    argv = [sys.executable, "-m", "uvicorn", "orbit.asgi:application", "--port", str(port), "--no-access-log"]
    with open(log, "wb") as out:
        # a cache of its own: other tests' failed sign-ins would count against this address
        cache = os.environ["REDIS_URL"].rsplit("/", 1)[0] + "/15"
        environ = {
            **os.environ,
            "ORBIT_PUBLIC_URL": url,
            "ORBIT_CACHE_URL": cache,
            "ORBIT_DEMO_PROVIDER_PORT": str(provider_port),
            "ORBIT_PROCESS": "command",  # nobody runs its tasks, so it looks prices up by itself
        }
        process = subprocess.Popen(argv, env=environ, stdout=out, stderr=out)
        try:
            _wait(url, process, log)
            yield url
        finally:
            process.terminate()
            process.wait(20)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx2.get(f"{url}/accounts/login/")
            return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")


@pytest.fixture(scope="package")
def browser(chromium_path: Path) -> Iterator[Browser]:
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        # Playwright keeps a loop in this thread, which Django takes for a reason to refuse queries.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=chromium_path, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture
def new_page(browser: Browser, server: str) -> Iterator[NewPage]:
    """Opens pages; at the end none may have logged an error, a policy violation among them, but `expected`."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def open_page(*, expected: str | None = None, **options: Any) -> Page:
        context = browser.new_context(**{"base_url": server, **options})
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console",
            lambda message: complaints.extend(
                [message.text]
                if message.type == "error" and not (expected and expected in message.text)
                else []
            ),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def tenant() -> Tenant:
    made = make_tenant(name="Acme GmbH", time_zone="Europe/Berlin")
    can_sign_in(made.owner)
    return made


def can_sign_in(person: Person) -> None:
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)


def joined(tenant: Tenant, role: str) -> Person:
    """Somebody new in that role."""
    person = make_person()
    services.add_member(organization_id=tenant.organization.pk, person=person, role=role, actor="test")
    can_sign_in(person)
    return person


def ledger_has(what_shows_it: Locator, count: int = 1) -> None:
    """Until the ledger has what the page waits for: nobody else writes it here."""
    deadline = time.monotonic() + 20
    while what_shows_it.count() < count and time.monotonic() < deadline:
        write_ledger()
        what_shows_it.page.wait_for_timeout(100)
    expect(what_shows_it).to_have_count(count)


def sign_in(page: Page, email: str, path: str = "/") -> None:
    page.goto(path)
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/accounts/login/" not in url)


def go_to(page: Page, section: str) -> None:
    """By the navigation and the keyboard; where there is no room for its links, they stand behind a button."""
    page.locator("#sections").wait_for(state="attached")
    menu = page.get_by_role("button", name="Menu", exact=True)
    if menu.is_visible():
        menu.press("Enter")
    page.locator("#sections").get_by_role("link", name=section).press("Enter")


def fits(page: Page) -> bool:
    """Nothing sticks out sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))
