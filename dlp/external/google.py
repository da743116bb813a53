"""Google's Sensitive Data Protection: texts as the rows of a table, ranges of characters in each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dlp.external.base import (
    JSON,
    TYPE,
    Asked,
    BadAnswer,
    Found,
    Kind,
    Question,
    known_options,
    listed,
    mapped,
    span,
    text_option,
    type_of,
    words_option,
    written,
)
from dlp.findings import Finding
from orbit.lib.errors import InputError
from orbit.lib.google_account import ServiceAccount

# How sure Google says it is, on our scale. Ours, not Google's.
LIKELIHOODS = {"VERY_UNLIKELY": 0.1, "UNLIKELY": 0.3, "POSSIBLE": 0.5, "LIKELY": 0.75, "VERY_LIKELY": 0.95}
# Names of types that mean what one of ours means.
_OURS = {"PERSON_NAME": "PERSON", "CREDIT_CARD_NUMBER": "CREDIT_CARD", "STREET_ADDRESS": "ADDRESS"}
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_LOCATION = re.compile(r"[a-z][a-z0-9-]{0,40}")
_MOST = 3_000  # findings of one request, which is Google's own most


class Google(Kind):
    name, label = "google", "Google Sensitive Data Protection"
    base_url = "https://dlp.googleapis.com"
    scope = "https://www.googleapis.com/auth/cloud-platform"

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        known_options(given, "project", "location", "info_types", "min_likelihood")
        least = given.get("min_likelihood", "POSSIBLE")
        if least not in LIKELIHOODS:
            raise InputError("min_likelihood", "is not known", f"one of: {', '.join(LIKELIHOODS)}")
        return {
            "project": text_option(given, "project", _PROJECT, "my-project-123"),
            "location": text_option(given, "location", _LOCATION, "europe-west1", "global"),
            "info_types": words_option(given, "info_types", TYPE, "PERSON_NAME, EMAIL_ADDRESS"),
            "min_likelihood": least,
        }

    def checked_secret(self, value: str) -> str:
        """In one line, so that it is text like any other."""
        try:
            ServiceAccount.parse(value)
        except ValueError as error:
            raise InputError("", f"is {error}", "paste the whole file") from None
        return " ".join(line.strip() for line in value.splitlines() if line.strip())

    def asked(
        self, base_url: str, options: Mapping[str, Any], secret: str, question: Question, now: int
    ) -> Asked:
        config: dict[str, Any] = {"minLikelihood": options["min_likelihood"], "includeQuote": False}
        if options["info_types"]:
            config["infoTypes"] = [{"name": one} for one in options["info_types"]]
        rows = [{"values": [{"stringValue": text}]} for text in question.texts]
        body = {
            "item": {"table": {"headers": [{"name": "text"}], "rows": rows}},
            "inspectConfig": config,
        }
        where = f"/v2/projects/{options['project']}/locations/{options['location']}/content:inspect"
        return Asked(base_url + where, [JSON, ("authorization", f"Bearer {secret}")], written(body))

    def findings(self, answer: Any, texts: Sequence[str], rule: str) -> list[list[Found]]:
        result = mapped(mapped(answer).get("result"))
        if result.get("findingsTruncated"):
            raise BadAnswer("findings are left out")
        found: list[list[Found]] = [[] for _ in texts]
        for one in listed(result.get("findings", []), most=_MOST):
            row, made = _one(mapped(one), texts, rule)
            found[row].append(made)
        return found


def _one(found: Mapping[str, Any], texts: Sequence[str], rule: str) -> tuple[int, Found]:
    location = mapped(found.get("location"))
    row = _row(location)
    if not 0 <= row < len(texts):
        raise BadAnswer("a row is none of the table")
    place = mapped(location.get("codepointRange"))
    start, end = span(_number(place.get("start")), _number(place.get("end")), texts[row])
    kind = type_of(mapped(found.get("infoType")).get("name"))
    score = LIKELIHOODS.get(str(found.get("likelihood")))
    if score is None:
        raise BadAnswer("a likelihood is not known")
    return row, Found(Finding(start, end, _OURS.get(kind, kind), score, rule))


def _row(location: Mapping[str, Any]) -> int:
    (first,) = listed(location.get("contentLocations"), least=1, most=1)
    record = mapped(mapped(first).get("recordLocation"))
    return _number(mapped(record.get("tableLocation", {})).get("rowIndex"))


def _number(value: Any) -> int:
    """64-bit numbers are texts in Google's JSON, and those that are 0 are left out."""
    if value is None:
        return 0
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 12:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise BadAnswer("a place is no number")
