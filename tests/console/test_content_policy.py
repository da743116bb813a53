from __future__ import annotations

import re
from datetime import UTC, datetime

from django.test import Client

from tests.console.conftest import Tenant

ENTRANCE = [
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/accounts/confirm-email/",
    "/dev/outbox/",
    "/api/v1/docs",
    "/no-such-page",
]
ACCOUNT = [
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/2fa/",
    "/accounts/logout/",
    "/organizations/",
]


def directives(header: str) -> dict[str, list[str]]:
    return {name: sources for name, *sources in (part.split() for part in header.split(";"))}


def test_our_pages_run_no_inline_script_and_no_inline_style(tenant: Tenant, staff: Client) -> None:
    call = tenant.call(datetime.now(UTC))
    member = tenant.client()
    answers = [Client().get(path) for path in ENTRANCE]
    mine = ["", f"calls/{call.event_id}/", *(f"policies/{one}" for one in ("", "default/", "default/edit/"))]
    mine += ["policies-new/", "policies/default/compare/?from=1&to=1", "requests/?limit=budget"]
    answers += [member.get(path) for path in [*ACCOUNT, *(f"{tenant.path}{one}" for one in mine)]]
    answers += [staff.get(path) for path in ("/operator/", "/operator/organizations/", "/operator/why/")]
    assert {answer.status_code for answer in answers} == {200, 404}
    for answer in answers:
        policy = directives(answer["Content-Security-Policy"])
        assert policy["default-src"] == ["'none'"]
        assert policy["script-src"] == policy["style-src"] == ["'self'"]
        assert policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
        page = answer.content.decode()
        assert not re.search(r"""<style|\sstyle=|\son[a-z]+\s*=\s*["']|javascript:""", page)
        for script in re.findall(r"<script[^>]*>", page):
            assert " src=" in script or 'type="application/json"' in script


def test_admin_alone_may_evaluate(staff: Client) -> None:
    policy = directives(staff.get("/admin/")["Content-Security-Policy"])
    assert policy["script-src"] == ["'self'", "'unsafe-eval'"]
    assert policy["style-src"] == ["'self'", "'unsafe-inline'"]


def test_nothing_comes_from_elsewhere(tenant: Tenant, staff: Client) -> None:
    for client, path in ((tenant.client(), tenant.path), (Client(), "/accounts/login/"), (staff, "/admin/")):
        page = client.get(path).content.decode()
        assert not re.search(r"""<(script|link|img)[^>]*(src|href)=["'](https?:)?//""", page)
