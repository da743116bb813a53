"""A bill as a CSV file by page: its columns guessed, looked at, imported; the file itself is kept nowhere before."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from billing.models import BilledRow, Run
from billing.reconcile.connectors import header
from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import services
from tests.console.conftest import Tenant, make_person, signed_in

BILL = "Usage date;Model name;Prompt tokens;Completion tokens;Total cost (cents)\n2026-11-03;llama-3;1000;500;125\n2026-11-04;llama-3;10;5;1.5\n"
PART = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def client(tenant: Tenant) -> Client:
    where: dict[str, Any] = {"organization_id": tenant.organization.pk, "actor": "test"}
    services.save_account(**where, name="own", kind="vllm", base_url="https://llm.example.com/v1")
    services.save_account(**where, name="asked", kind="openai")
    person = make_person()
    services.add_member(**where, person=person, role="finance")
    return signed_in(person)


def post(client: Client, tenant: Tenant, verb: str, text: str | None = BILL, **more: str) -> HttpResponse:
    given: dict[str, Any] = {"account": "own"} | {
        name: value for name, value in more.items() if not name.startswith("HTTP_")
    }
    if text is not None:
        given["file"] = SimpleUploadedFile("bill.csv", text.encode(), "text/csv")
    headers: Any = {name: value for name, value in more.items() if name.startswith("HTTP_")}
    answer: Any = client.post(f"{tenant.path}reconciliation/import/{verb}/", given, **headers)
    made: HttpResponse = answer
    return made


MAPPED = {
    "mapped": "yes",
    "day": "Usage date",
    "model": "Model name",
    "input": "Prompt tokens",
    "output": "Completion tokens",
    "amount": "Total cost (cents)",
    "amount_in": "cents",
    "delimiter": ";",
    "input_holds_cached": "yes",
}


def rows(tenant: Tenant) -> tuple[int, int]:
    with access.scope(organization_id=tenant.organization.pk):
        return BilledRow.objects.count(), Run.objects.count()


def test_a_files_columns_are_guessed_and_what_it_says_is_shown(client: Client, tenant: Tenant) -> None:
    text = post(client, tenant, "read", **PART).content.decode()
    assert "<html" not in text
    for name in ("Usage date", "Model name", "Prompt tokens", "Completion tokens", "Total cost (cents)"):
        assert f"<option selected>{name}</option>" in text
    assert '<option value="cents" selected>' in text
    assert '<option value=";" selected>' in text
    assert "2 lines, 3 Nov 2026 to 4 Nov 2026" in text
    assert "1,515" in text
    assert "$1.265" in text
    assert rows(tenant) == (0, 0)


def test_it_is_imported_by_the_mapping_that_was_chosen(client: Client, tenant: Tenant) -> None:
    answer = post(client, tenant, "save", **MAPPED, **PART)
    assert answer["HX-Redirect"] == f"{tenant.path}reconciliation/"
    with access.scope(organization_id=tenant.organization.pk):
        run = Run.objects.get()
        found = BilledRow.objects.filter(kind="usage").order_by("day").values_list("fresh", "output")
        assert (run.account, str(run.since), str(run.until)) == ("own", "2026-11-03", "2026-11-05")
        assert list(found) == [(1000, 500), (10, 5)]
    assert "is being compared" in client.get(f"{tenant.path}reconciliation/").content.decode()


def test_without_a_script_the_whole_page_comes(client: Client, tenant: Tenant) -> None:
    answer = post(client, tenant, "read")
    assert answer.status_code == 200
    assert b"<html" in answer.content
    assert b"<option selected>Usage date</option>" in answer.content
    assert post(client, tenant, "save", **MAPPED).status_code == 302


def test_a_mapping_of_another_file_is_guessed_anew(client: Client, tenant: Tenant) -> None:
    text = post(
        client, tenant, "read", "Day,Model,Cost\n2026-11-03,m,1.00\n", **{**MAPPED, "delimiter": ","}, **PART
    )
    assert "<option selected>Day</option>" in text.content.decode()


@pytest.mark.parametrize(
    ("verb", "text", "more", "words"),
    [
        ("read", None, {}, "choose the bill"),
        ("save", None, MAPPED, "choose the bill"),
        ("read", "", {}, "must name the columns"),
        ("read", "\n\n", {}, "must name the columns"),
        ("read", "A,B\n1,2\n", {}, "mapping.day"),
        ("read", "Day,Input,Output\n2026-11-03,x,1\n", {}, "line 2"),
        ("save", "Day,Cost\n", {"mapped": "yes", "day": "Day", "amount": "Cost"}, "has no lines"),
        ("save", BILL, {**MAPPED, "account": "asked"}, "reports that we read by ourselves"),
        ("save", BILL, {**MAPPED, "account": "none"}, "there is no provider account"),
        ("save", BILL, {**MAPPED, "currency": "EUR"}, "must be USD"),
        ("read", BILL, {**MAPPED, "time_zone": "Mars"}, "is no time zone"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_kept(
    client: Client, tenant: Tenant, verb: str, text: str | None, more: dict[str, str], words: str
) -> None:
    answer = post(client, tenant, verb, text, **more)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert rows(tenant) == (0, 0)


def test_who_may_not_approve_imports_nothing(client: Client, tenant: Tenant) -> None:
    person = make_person()
    services.add_member(organization_id=tenant.organization.pk, actor="test", person=person, role="auditor")
    auditor = signed_in(person)
    assert auditor.get(f"{tenant.path}reconciliation/import/").status_code == 403
    assert post(auditor, tenant, "save", **MAPPED).status_code == 403
    assert (
        "<option selected>own</option>"
        in client.get(f"{tenant.path}reconciliation/import/?account=own").content.decode()
    )


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        (
            ["date", "model", "input_tokens", "cached_input_tokens", "output_tokens", "num_requests", "cost"],
            {
                "day": "date",
                "model": "model",
                "input": "input_tokens",
                "cached": "cached_input_tokens",
                "output": "output_tokens",
                "requests": "num_requests",
                "amount": "cost",
            },
        ),
        (["Day", "API key", "Amount"], {"day": "Day", "key": "API key", "amount": "Amount"}),
        (["x", "y"], {}),
    ],
)
def test_columns_are_known_by_their_names(columns: list[str], wanted: dict[str, str]) -> None:
    assert header.guessed(columns) == wanted


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        (BILL.replace("\n", "\r"), {}, "carriage return"),
        (BILL.replace("llama-3;10;", "llama\r3;10;"), {}, "carriage return"),
        (BILL.replace("llama-3;10;", "l" * 140_000 + ";10;"), {}, "131,072"),
        (BILL.replace("2026-11-04", "9999-12-31"), {}, "too far away"),
        (BILL.replace("1000;", "1E+300000;"), {}, "too large"),
        (BILL.replace("1.5", "1E+300000"), {}, "too large"),
        (BILL, MAPPED | {"delimiter": ";;"}, "must be one character"),
    ],
    ids=lambda given: "" if isinstance(given, dict) else str(given)[-12:],
)
def test_a_bill_that_cannot_be_read_says_why(
    client: Client, tenant: Tenant, text: str, more: dict[str, str], words: str
) -> None:
    answer = post(client, tenant, "read", text, **more)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert rows(tenant) == (0, 0)


def test_a_file_that_is_no_text_is_refused() -> None:
    with pytest.raises(InputError, match="UTF-8"):
        header.read(b"\xff\xfe\x00")
    assert header.read("\ufeffDay,Cost\r\n1,2".encode()).columns == ("Day", "Cost")
