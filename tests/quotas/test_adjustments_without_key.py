"""The migration that lets sums be of no key goes back over whatever was summed meanwhile."""

from __future__ import annotations

import io

from django.core.management import call_command


def _sql(*argv: str) -> str:
    out = io.StringIO()
    call_command("sqlmigrate", "quotas", "0008", *argv, stdout=out)
    return out.getvalue()


def test_way_back_demands_no_key_of_sums_that_have_none() -> None:
    assert _sql().count("DROP NOT NULL") == 4
    assert "NOT NULL" not in _sql("--backwards")
