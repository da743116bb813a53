"""The pages about errors and events say all that the code can, and no more."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from audit.events import COLUMNS
from audit.models import Event
from orbit.lib.errors import STATUS, Code
from tests.conftest import Tenant
from tests.proxy.conftest import Api, hello

DOCS = Path(__file__).parents[2] / "docs"
# what comes after is the management API's, and held by tests of its own
ERRORS = (DOCS / "errors.md").read_text().partition("\n## The management API\n")[0]
EVENTS = (DOCS / "events.md").read_text()
HIDDEN = {"detail", "shard", "shard_seq"}  # never exported, see audit.events.exported


def section(page: str, title: str) -> str:
    return page.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def first_cells(text: str) -> set[str]:
    """Every name in the first column of the section's tables."""
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


@pytest.mark.parametrize("code", Code)
def test_every_code_is_documented_with_its_status(code: Code) -> None:
    rows = re.findall(rf"^\| (\d+) \| `{code.value}` \| ([^|]+) \| ([^|]+) \|$", ERRORS, re.MULTILINE)
    assert len(rows) == 1
    status, when, advice = rows[0]
    assert int(status) == STATUS[code]
    assert when.endswith(".")
    assert advice.endswith(".")


def test_no_code_is_documented_that_there_is_not() -> None:
    documented = re.findall(r"^\| \d+ \| `(\w+)` \|", ERRORS, re.MULTILINE)
    assert set(documented) == {code.value for code in Code}
    assert first_cells(section(ERRORS, "At the end of a stream")) <= set(documented)


def test_every_code_has_a_status() -> None:
    assert set(STATUS) == set(Code)


def test_every_field_of_the_ledger_is_documented() -> None:
    assert set(COLUMNS) - HIDDEN <= first_cells(section(EVENTS, "Fields"))


def test_every_kind_is_documented() -> None:
    assert first_cells(section(EVENTS, "Kinds")) == set(Event.Kind.values)


def test_events_have_no_field_that_is_not_documented(api: Api, tenant: Tenant) -> None:
    documented = first_cells(section(EVENTS, "Fields"))
    headers = {"x-orbit-tags": "a=b", "x-orbit-user": "u"}
    assert (
        api.chat(with_headers=headers, messages=hello("tokens=3", "usage=contradictory")).status_code == 200
    )
    assert api.chat(with_headers=headers, messages=hello("tokens=3"), stream=True).status_code == 200
    assert api.chat(messages=hello("status=500")).status_code == 502
    calls, acts = tenant.events(), tenant.events("act")
    assert len(calls) == 3
    assert acts
    for event in [*calls, *acts]:
        assert set(event) <= documented
    statuses = first_cells(section(EVENTS, "Status of a call"))
    sources = first_cells(section(EVENTS, "Where the counts come from"))
    for event in calls:
        assert event["status"] in statuses
        assert event["usage_source"] in sources
