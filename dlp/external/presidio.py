"""Presidio's analyzer as a service: spans of characters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dlp.external.base import (
    JSON,
    TYPE,
    Asked,
    Found,
    Kind,
    Question,
    known_options,
    listed,
    mapped,
    score_of,
    span,
    text_option,
    type_of,
    words_option,
    written,
)
from dlp.findings import Finding

_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z]{2,8})?")


class Presidio(Kind):
    name, label, path = "presidio", "Presidio analyzer", "/analyze"
    needs_credential = False  # it has none of its own; one is sent to what stands in front of it

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        known_options(given, "language", "entities")
        return {
            "language": text_option(given, "language", _LANGUAGE, "en", "en"),
            "entities": words_option(given, "entities", TYPE, "PERSON, LOCATION"),
        }

    def asked(
        self, base_url: str, options: Mapping[str, Any], secret: str, question: Question, now: int
    ) -> Asked:
        body: dict[str, Any] = {"text": list(question.texts), "language": options["language"]}
        if options["entities"]:
            body["entities"] = options["entities"]
        headers = [JSON, *([("authorization", f"Bearer {secret}")] if secret else [])]
        return Asked(base_url + self.path, headers, written(body))

    def findings(self, answer: Any, texts: Sequence[str], rule: str) -> list[list[Found]]:
        results = listed(answer, least=len(texts), most=len(texts))
        return [
            [_one(mapped(one), text, rule) for one in listed(result)]
            for result, text in zip(results, texts, strict=True)
        ]


def _one(found: Mapping[str, Any], text: str, rule: str) -> Found:
    start, end = span(found.get("start"), found.get("end"), text)
    return Found(Finding(start, end, type_of(found.get("entity_type")), score_of(found.get("score")), rule))
