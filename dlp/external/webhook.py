"""The webhook of one's own, as docs/inspectors.md describes it: signed JSON in, findings out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

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
    score_of,
    span,
    written,
)
from dlp.findings import Finding
from orbit.lib.errors import InputError
from orbit.lib.signing import signature, signing_key

VERSION = 1


class Webhook(Kind):
    name, label = "webhook", "Webhook of one's own"

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        known_options(given)
        return {}

    def checked_secret(self, value: str) -> str:
        if not value.startswith("whsec_") or signing_key(value) is None:
            raise InputError(
                "", "must be whsec_ and 24 to 64 bytes in base64", "make one with: openssl rand -base64 32"
            )
        return value

    def asked(
        self, base_url: str, options: Mapping[str, Any], secret: str, question: Question, now: int
    ) -> Asked:
        told = zip(question.texts, question.places, strict=True)
        body = written(
            {
                "version": VERSION,
                "request_id": question.request_id,
                "organization": question.organization,
                "policy": question.policy,
                "direction": question.direction,
                "texts": [
                    {"id": str(number), "place": place, "text": text}
                    for number, (text, place) in enumerate(told)
                ],
            }
        )
        key = signing_key(secret)
        if key is None:  # a store's, which nobody has checked
            raise ValueError("the secret signs nothing")
        name = f"msg_{uuid4().hex}"
        headers = [
            JSON,
            ("webhook-id", name),
            ("webhook-timestamp", str(now)),
            ("webhook-signature", signature(key, name, str(now), body)),
        ]
        return Asked(base_url, headers, body)

    def findings(self, answer: Any, texts: Sequence[str], rule: str) -> list[list[Found]]:
        found: list[list[Found]] = [[] for _ in texts]
        for one in listed(mapped(answer).get("findings"), most=10_000):
            place = mapped(one).get("id")
            if not isinstance(place, str) or not place.isdecimal() or not place.isascii() or len(place) > 6:
                raise BadAnswer("a finding names no text")
            if int(place) >= len(texts):
                raise BadAnswer("a finding names a text that was not sent")
            found[int(place)].append(_one(one, texts[int(place)], rule))
        return found


def _one(said: Mapping[str, Any], text: str, rule: str) -> Found:
    """Without `start` and `end` it is about the text as a whole."""
    kind = said.get("type")
    if not isinstance(kind, str) or not TYPE.fullmatch(kind):
        raise BadAnswer("a type is none")
    block = said.get("block", False)
    if not isinstance(block, bool):
        raise BadAnswer("block is neither true nor false")
    whole = "start" not in said and "end" not in said
    start, end = (0, len(text)) if whole else span(said.get("start"), said.get("end"), text)
    return Found(Finding(start, end, kind, score_of(said.get("score", 1.0)), rule), whole=whole, block=block)
