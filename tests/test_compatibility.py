"""docs/compatibility.md says what tests show, no more and no less."""

from __future__ import annotations

from tests.clients.libraries import SOME, USES
from tests.compatibility import PAGE, cells, page


def test_page_is_what_the_tests_show() -> None:
    assert PAGE.read_text() == page(cells()), "run: python -m tests.compatibility"


def test_some_libraries_are_put_before_every_trouble_in_the_short_suite() -> None:
    assert {use.id for use in USES} >= SOME


def test_both_surfaces_reach_both_kinds_of_provider() -> None:
    pairs = {(cell.surface, cell.provider) for cell in cells()}
    wanted = {"OpenAI chat", "OpenAI Responses", "Anthropic Messages"}
    assert {(surface, kind) for surface in wanted for kind in ("openai", "anthropic")} <= pairs
