"""The JSON Schema (2020-12) of an exported event, and the table of its fields, both made of `audit/fields.py`."""

from __future__ import annotations

import re
from functools import lru_cache

import orjson

from audit.fields import COUNT, DIFFERENCE, FIELDS, KINDS, Field, Schema

VERSION = 1
PATH = f"schemas/events/v{VERSION}"  # below /api/v1/

ALWAYS = (
    "v", "event_id", "kind", "organization", "organization_id", "seq", "admitted_at", "recorded_at", "prev_hash", "hash",
)  # fmt: skip
REQUIRED: dict[str, tuple[str, ...]] = {
    "call": ("request_id", "settled_at", "project", "key", "model", "status", "usage_source", "currency"),
    "correction": ("corrects", "reason"),
    "adjustment": ("reason",),
    "refusal": ("code", "count", "since", "until"),
    "act": ("actor", "action", "target"),
}
MEANINGS = {
    "call": "one admitted request, written when it ended",
    "correction": "what became known of a call after its event; counts are differences",
    "adjustment": "differences that a person settled",
    "refusal": "requests of one key, limit or code, and minute that were refused",
    "act": "a change by a person or a command",
}


def event_schema() -> Schema:
    """Closed: it tells what it does not know. Whoever reads events should pass over fields that a later release adds."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:orbit-gateway:events:v{VERSION}",
        "title": f"Orbit Gateway event, version {VERSION}",
        "description": "One entry of an organization's ledger, as it is exported. An absent field is unknown, never zero.",
        "type": "object",
        "required": list(ALWAYS),
        "properties": {"kind": {"enum": list(KINDS)}},
        "oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in KINDS],
        "$defs": {kind: _of_kind(kind) for kind in KINDS},
    }


def _of_kind(kind: str) -> Schema:
    properties: dict[str, Schema] = {}
    for field in FIELDS:
        if kind in field.kinds:
            for name, schema in field.schemas().items():
                properties[name] = {**_in(kind, name, schema), "description": _plain(field.meaning)}
    return {
        "description": MEANINGS[kind],
        "type": "object",
        "required": [*ALWAYS, *REQUIRED[kind]],
        "properties": properties,
        "additionalProperties": False,
    }


def _in(kind: str, name: str, schema: Schema) -> Schema:
    if name == "kind":
        return {"const": kind}
    return COUNT if schema is DIFFERENCE and kind == "call" else schema


def _plain(meaning: str) -> str:
    """Without links, which lead nowhere outside the page."""
    return re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", meaning)


@lru_cache(maxsize=1)
def written() -> bytes:
    return orjson.dumps(event_schema(), option=orjson.OPT_INDENT_2)


def table() -> str:
    """The fields as docs/events.md prints them."""
    lines = ["| field | kinds | meaning |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(_row(field) for field in FIELDS)])


def _row(field: Field) -> str:
    names = ", ".join(f"`{name}`" for name in field.names.split())
    kinds = "all" if field.kinds == KINDS else ", ".join(field.kinds)
    return f"| {names} | {kinds} | {field.meaning} |"
