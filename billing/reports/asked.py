"""What a report is asked for: the words of an address, of a saved report, of the API's query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from billing.reports import dimensions
from orbit.lib.errors import InputError
from tenants.schema import values

MEASURES = {
    "cost_nano": "Cost",
    "requests": "Requests",
    "input_tokens": "Tokens in",
    "output_tokens": "Tokens out",
    "failed": "Failed",
    "refused": "Refused",
}
WORDS = ("range", "from", "to", "by", "order", "most", *dimensions.NARROWING)
MOST_ROWS = 10_000
USUAL_BY = "project"


@dataclass(frozen=True, slots=True)
class Question:
    """`most` rows by `order`, the rest as one; None is all of them. `narrowed` holds names as they were given."""

    words: Mapping[str, str]
    by: tuple[str, ...]
    order: str = "cost_nano"
    most: int | None = None
    narrowed: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        titles = [dimensions.TITLES[name].lower() for name in self.by]
        return f"Usage and cost by {' and '.join(titles)}" if titles else "Usage and cost"


def question(asked: Mapping[str, Any]) -> Question:
    """InputError names the word that is wrong. The span is read later, with the clock (`spans.chosen`)."""
    words = {name: str(asked[name]).strip() for name in WORDS if str(asked.get(name) or "").strip()}
    by = dimensions.checked([one for one in words.get("by", USUAL_BY).split(",") if one and one != "none"])
    order = words.get("order", "cost_nano")
    if order not in MEASURES:
        raise InputError(
            "order",
            f"{order!r} is not known",
            values.nearest(order, MEASURES) or f"one of: {', '.join(MEASURES)}",
        )
    narrowed = {name: words[name] for name in dimensions.NARROWING if name in words}
    return Question(words, by, order, _most(words), narrowed)


def _most(words: Mapping[str, str]) -> int | None:
    if "most" not in words:
        return None
    text = words["most"]
    if not text.isascii() or not text.isdecimal() or len(text) > 6 or not 1 <= int(text) <= MOST_ROWS:
        raise InputError("most", f"{text[:40]!r} is no number from 1 to {MOST_ROWS}")
    return int(text)


def by_words(by: Sequence[str]) -> str:
    """As the word `by` holds it; of no dimension, too."""
    return ",".join(by) or "none"
