"""OpenAI's moderation endpoint: a score for each of its categories, of a text as a whole."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dlp.external.base import (
    JSON,
    Asked,
    BadAnswer,
    Found,
    Kind,
    Question,
    known_options,
    listed,
    mapped,
    score_of,
    text_option,
    type_of,
    written,
)
from dlp.findings import Finding

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
_USUAL = "omni-moderation-latest"
LEAST = 0.01  # what scores less is none: every category has a score for every text


class Moderation(Kind):
    name, label = "openai_moderation", "OpenAI moderation"
    base_url, path = "https://api.openai.com/v1", "/moderations"
    whole = True
    most_texts = 32
    types = (
        "HARASSMENT", "HARASSMENT_THREATENING", "HATE", "HATE_THREATENING", "ILLICIT", "ILLICIT_VIOLENT", "SELF_HARM",
        "SELF_HARM_INSTRUCTIONS", "SELF_HARM_INTENT", "SEXUAL", "SEXUAL_MINORS", "VIOLENCE", "VIOLENCE_GRAPHIC",
    )  # fmt: skip

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        known_options(given, "model")
        return {"model": text_option(given, "model", _MODEL, _USUAL, _USUAL)}

    def asked(
        self, base_url: str, options: Mapping[str, Any], secret: str, question: Question, now: int
    ) -> Asked:
        body = {"model": options["model"], "input": list(question.texts)}
        return Asked(base_url + self.path, [JSON, ("authorization", f"Bearer {secret}")], written(body))

    def findings(self, answer: Any, texts: Sequence[str], rule: str) -> list[list[Found]]:
        results = listed(mapped(answer).get("results"), least=len(texts), most=len(texts))
        return [_of(mapped(one), text, rule) for one, text in zip(results, texts, strict=True)]


def _of(result: Mapping[str, Any], text: str, rule: str) -> list[Found]:
    scores = mapped(result.get("category_scores"))
    if not scores:
        raise BadAnswer("there are no scores")
    found = [(type_of(name), score_of(score)) for name, score in scores.items() if score is not None]
    return [
        Found(Finding(0, len(text), kind, score, rule), whole=True) for kind, score in found if score >= LEAST
    ]
