"""The audit trail in a browser: from a filter to an event, its proof, and a file of it."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from audit.checkpoints.signer import sign
from audit.exports.models import Export
from audit.tasks import write_ledger
from orbit.lib import access
from tenants import services
from tests.conftest import MakeTenant
from tests.console.conftest import make_person
from tests.e2e.conftest import NewPage, can_sign_in, fits, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.mark.parametrize("width", [1280, pytest.param(390, marks=pytest.mark.full)])
def test_an_act_is_found_proved_and_exported(
    new_page: NewPage, make_tenant: MakeTenant, width: int, tmp_path: Path
) -> None:
    made, person = make_tenant(), make_person()
    services.add_member(organization_id=made.id, person=person, role="auditor", actor="test")
    services.save_project(organization_id=made.id, slug="app", name="Shop", actor="ada@example.com")
    can_sign_in(person)
    write_ledger()
    sign()
    page = new_page(
        viewport={"width": width, "height": 844}, color_scheme="dark" if width == 390 else "light"
    )
    sign_in(page, person.email, f"/o/{made.slug}/audit/")
    assert fits(page)
    page.get_by_label("Who").fill("ada@example.com")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    assert page.url.endswith("/audit/?actor=ada%40example.com")
    page.get_by_role("link", name="Export this").click()
    page.get_by_role("button", name="Make it in the background").click()
    expect(page.get_by_text("Waits for a worker")).to_be_visible()
    with access.scope(organization_id=made.id):
        export = Export.objects.latest("created_at")
    while services.advance_export(organization_id=made.id, export_id=export.pk):
        pass
    expect(page.get_by_text("1 event,")).to_be_visible()  # by itself
    assert fits(page)
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("Download the file")).click()
    download.value.save_as(tmp_path / "events.jsonl.gz")
    (line,) = gzip.decompress((tmp_path / "events.jsonl.gz").read_bytes()).splitlines()
    assert json.loads(line)["after"] == {"name": "Shop"}
    page.goto(page.url.replace("files/", f"events/{json.loads(line)['event_id']}/"))
    expect(page.get_by_text("Checked just now, up to a signed checkpoint")).to_be_visible()
    expect(page.locator("ins")).to_have_text("Shop")
    assert fits(page)
