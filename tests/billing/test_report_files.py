"""Reports as files: numbers stay numbers, text stays text, and each says of when and how exact it is."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest

from billing.reports.asked import question
from billing.reports.figures import Figures
from billing.reports.files import FORMS, letters, paper
from billing.reports.reading import Line, Report, report
from orbit.lib import access
from tests.console.conftest import Tenant, quarter

EVIL = '=HYPERLINK("https://evil.example","Costs")'
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def found(tenant: Tenant) -> Report:
    start = quarter(datetime(2026, 11, 12, 8, 30, tzinfo=UTC))
    figures: dict[str, Any] = {
        "requests": 3,
        "input_tokens": 100,
        "output_tokens": 20,
        "estimated_requests": 1,
    }
    tenant.bucket(start, model=EVIL, cost_nano=1_234_500_000_001, **figures)
    tenant.bucket(start, model="small", cost_nano=123, **figures)
    tenant.bucket(start, model="unknown", unpriced_requests=3, **figures)
    with access.scope(organization_id=tenant.organization.pk):
        return report(tenant.organization, question({"by": "model", "range": "month"}), NOW)


def test_csv_holds_exact_amounts_and_no_formula(found: Report) -> None:
    rows = list(csv.reader(io.StringIO(FORMS["csv"].make(found).decode())))
    head = next(row for row in rows if row and row[0] == "Model")
    at = rows.index(head)
    by_model = {row[0]: dict(zip(head, row, strict=True)) for row in rows[at + 1 : at + 5]}
    assert by_model["'" + EVIL]["Cost (USD)"] == "1234.500000001"
    assert by_model["small"]["Cost (USD)"] == "0.000000123"
    assert by_model["unknown"]["Cost (USD)"] == "unpriced"
    assert by_model["All"]["Cost (USD)"] == "1234.500000124"
    assert by_model["All"]["Unpriced requests"] == "3"
    facts = {row[0]: row[1] for row in rows[:at] if len(row) == 2}
    assert facts["Time zone"] == "UTC"
    assert facts["Estimated"] == "33.33 % of requests have estimated usage"
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)


def test_failures_without_a_price_are_unpriced_in_every_file(found: Report) -> None:
    figures = Figures(requests=2, failed=2, unpriced_requests=2)
    failed = replace(found, failures=[Line(("upstream_timeout",), ("upstream_timeout",), figures)])
    rows = list(csv.reader(io.StringIO(FORMS["csv"].make(failed).decode())))
    assert ["upstream_timeout", "2", "unpriced"] in rows
    with zipfile.ZipFile(io.BytesIO(FORMS["xlsx"].make(failed))) as book:
        sheet = book.read("xl/worksheets/sheet2.xml").decode()
    cells = {one.get("r"): one for one in ElementTree.fromstring(sheet).iter(_tag("c"))}
    assert cells["C2"].get("t") == "s"
    table: Any = paper._failures(failed, paper._Typist())
    assert [row[2] for row in table._cellvalues[1:]] == ["unpriced", "unpriced"]


def test_xlsx_has_numbers_with_formats_and_no_formula(found: Report) -> None:
    with zipfile.ZipFile(io.BytesIO(FORMS["xlsx"].make(found))) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        styles = book.read("xl/styles.xml").decode()
        strings = book.read("xl/sharedStrings.xml").decode()
        about = book.read("xl/worksheets/sheet2.xml").decode()
    assert "<f>" not in sheet + about
    assert "HYPERLINK" in strings
    assert "0.00#######" in styles
    cells = {one.get("r"): one for one in ElementTree.fromstring(sheet).iter(_tag("c"))}
    money = cells["B2"]
    assert money.get("t") is None  # a number
    assert float(_value(money)) == pytest.approx(1234.500000001)
    assert float(_value(cells["B3"])) == pytest.approx(1.23e-7)
    assert float(_value(cells["D2"])) == 3
    assert cells["B4"].get("t") == "s"  # unpriced, in a word


def _tag(name: str) -> str:
    return f"{{http://schemas.openxmlformats.org/spreadsheetml/2006/main}}{name}"


def _value(cell: Any) -> str:
    found = cell.find(_tag("v"))
    assert found is not None
    return str(found.text)


def test_pdf_is_one_with_numbered_pages(found: Report) -> None:
    content = FORMS["pdf"].make(found)
    assert content.startswith(b"%PDF-")
    assert content.rstrip().endswith(b"%%EOF")
    assert content.count(b"/Type /Page\n") == 1


def test_a_long_pdf_goes_on_over_pages(found: Report) -> None:
    line = found.lines[0]
    found.lines.extend([line] * 200)
    assert FORMS["pdf"].make(found).count(b"/Type /Page\n") > 3


def of_model(tenant: Tenant, name: str) -> Report:
    tenant.bucket(quarter(datetime(2026, 11, 12, tzinfo=UTC)), model=name, requests=1, cost_nano=1)
    with access.scope(organization_id=tenant.organization.pk):
        return report(tenant.organization, question({"by": "model"}), NOW)


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is set on the paper, with its marks."""
    set_, found = paper._Typist.text, list[str]()

    def noted(typist: Any, text: str, style: str) -> Any:
        made = set_(typist, text, style)
        found.append(made.text)
        return made

    monkeypatch.setattr(paper._Typist, "text", noted)
    return found


def test_letters_that_the_first_font_lacks_are_of_another(tenant: Tenant, texts: list[str]) -> None:
    content = FORMS["pdf"].make(of_model(tenant, "модель <b>&"))
    assert b"NotoSans" in content
    assert '<font name="NotoSans">модель</font> &lt;b&gt;&amp;' in texts
    assert not [one for one in texts if "in no font" in one]


def test_hebrew_and_arabic_stand_from_right_to_left_with_joined_letters(
    tenant: Tenant, texts: list[str]
) -> None:
    assert b"Heebo" in FORMS["pdf"].make(of_model(tenant, "דגם 12"))
    assert '12<font name="Heebo"> םגד</font>' in texts or '12 <font name="Heebo">םגד</font>' in texts
    assert b"NotoSansArabic" in FORMS["pdf"].make(of_model(tenant, "نموذج"))
    (joined,) = [one for one in texts if "NotoSansArabic" in one]
    assert joined == '<font name="NotoSansArabic">\ufe9d\ufeab\ufeee\ufee4\ufee7</font>'
    assert not [one for one in texts if "in no font" in one]


def test_a_long_name_from_right_to_left_is_turned_line_by_line() -> None:
    letters.register()
    found = letters.lines("אחת שתיים שלוש ארבע חמש שש", 7, 60)
    assert len(found) > 1
    assert found[0].endswith("תחא")
    assert found[-1].startswith("שש")


@pytest.mark.parametrize(
    ("name", "font"),
    [
        ("模型", "STSong-Light"),
        ("モデル", "HeiseiKakuGo-W5"),
        ("모델", "HYGothic-Medium"),
        ("の型", "HeiseiKakuGo-W5"),
    ],
)
def test_eastern_letters_are_in_standard_fonts_and_the_paper_says_so(
    tenant: Tenant, texts: list[str], name: str, font: str
) -> None:
    assert font.encode() in FORMS["pdf"].make(of_model(tenant, name))
    assert f'<font name="{font}">{name}</font>' in texts
    assert "are in no font of this file" in texts[-1]


def test_letters_of_no_font_are_replaced_and_the_paper_says_so(tenant: Tenant, texts: list[str]) -> None:
    assert FORMS["pdf"].make(of_model(tenant, "մո a")).startswith(b"%PDF-")
    assert "?? a" in texts
    assert texts[-1].startswith("2 different letters (Armenian) are in no font of this paper")


def test_paper_of_latin_letters_has_no_other_font(found: Report) -> None:
    assert b"NotoSans" not in FORMS["pdf"].make(found)


def test_json_is_what_the_api_answers(found: Report) -> None:
    told = json.loads(FORMS["json"].make(found))
    assert told["totals"]["cost"] == "1234.500000124"
    rows = {row["model"]: row for row in told["rows"]}
    assert rows["unknown"]["unpriced"] is True
    assert rows["small"]["cost_per_request"] == "0.000000041"
    assert rows["unknown"]["cost_per_1k_tokens"] is None
    assert told["time_zone"] == "UTC"


def test_unit_costs_are_of_what_has_a_price() -> None:
    some = Figures(requests=4, unpriced_requests=1, input_tokens=500, output_tokens=500, cost_nano=10)
    assert some.cost_per_request_nano == 3
    assert some.cost_per_1k_tokens_nano is None
    assert (
        Figures(requests=4, input_tokens=500, output_tokens=500, cost_nano=10).cost_per_1k_tokens_nano == 10
    )
    assert Figures(requests=2, unpriced_requests=2).is_unpriced
    assert Figures(requests=2, failed=2).is_unpriced is False
    assert Figures().cost_per_request_nano is None
