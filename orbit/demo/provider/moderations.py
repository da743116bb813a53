"""Moderations: free of charge, and without usage in the answer."""

from typing import Any

import orjson

from . import tokens
from .chat_request import read_model, refuse_unknown, text_of
from .desk import Desk, Work
from .exchange import Exchange
from .refusals import bad_request

_FIELDS = frozenset({"input", "model"})
_USUAL_MODEL = "omni-moderation-latest"
_TEXT_ONLY = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "sexual/minors",
)
_ALSO_PICTURES = (
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "violence",
    "violence/graphic",
)
_WORDS = {"kill": "violence", "murder": "violence", "hate": "hate", "idiot": "harassment"}
_HIGH, _LOW = 0.91, 0.0003


class Moderations:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def create(self, exchange: Exchange) -> Work:
        fields = self._desk.read_json(exchange)
        inputs = _inputs(fields.get("input"))
        text = next((text_of({"content": each}) for each in inputs), "")
        if refused := self._desk.refusal(exchange, fields, text):
            return refused
        refuse_unknown(fields, _FIELDS)
        if not inputs:
            raise bad_request("'$.input' is invalid. Please check the API reference.", param="input")
        record = exchange.record
        record.model = read_model({"model": _USUAL_MODEL} | fields, "moderation")
        record.work_began = True
        record.prompt_tokens = sum(tokens.count(text_of({"content": each})) for each in inputs)
        answer = {
            "id": record.id.replace("req_demo_", "modr-demo"),
            "model": record.model.served_as,
            "results": [_result(each) for each in inputs],
        }
        return exchange.answer_soon(orjson.dumps(answer))


def _inputs(value: Any) -> list[str | list[dict[str, Any]]]:
    """Texts, each judged by itself; or one list of text and picture parts, judged together."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not value:
        return []
    if all(isinstance(each, str) for each in value):
        return value
    known = ("text", "image_url")
    return [value] if all(isinstance(each, dict) and each.get("type") in known for each in value) else []


def _result(one: str | list[dict[str, Any]]) -> dict[str, Any]:
    text = text_of({"content": one}).lower()
    kinds = ["text"] if isinstance(one, str) or any(part["type"] == "text" for part in one) else []
    pictures = ["image"] if isinstance(one, list) and any(part["type"] == "image_url" for part in one) else []
    found = {category for word, category in _WORDS.items() if word in text}
    names = _TEXT_ONLY + _ALSO_PICTURES
    applied = {name: kinds if name in _TEXT_ONLY else kinds + pictures for name in names}
    return {
        "flagged": bool(found),
        "categories": {name: name in found for name in names},
        "category_scores": {name: _HIGH if name in found else _LOW for name in names},
        "category_applied_input_types": applied,
    }
