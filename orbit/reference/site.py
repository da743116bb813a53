"""Pages that only the site has, made anew at each build: the management API in full, and the descriptions for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from audit import schema
from tenants.api import description

METHODS = ("get", "post", "put", "patch", "delete")
HEAD = """\
# Every endpoint

Made from the OpenAPI description, which is here as [a file](openapi.json) and on every gateway at `/api/v1/schema`; `/api/v1/docs` there tries it
out. What all endpoints share: [the management API](../docs/api.md). Of [events](../docs/events.md) the JSON schema is here, [too](events.schema.json).
"""


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    described = description.description()
    (folder / "openapi.json").write_text(json.dumps(described, indent=1, default=str))
    (folder / "events.schema.json").write_bytes(schema.written())
    (folder / "endpoints.md").write_text("\n".join(_page(described)))


def _page(described: Mapping[str, Any]) -> Iterator[str]:
    yield HEAD
    for path, operations in described["paths"].items():
        for method in METHODS:
            if method in operations:
                yield from _endpoint(path.removeprefix("/api/v1"), method, operations[method])
    yield "## Objects\n"
    for name, one in sorted(described["components"]["schemas"].items()):
        yield f"### {name}\n"
        if one.get("description"):
            yield f"{_words(one['description'])}\n"
        yield from _fields(one)


def _endpoint(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {method.upper()} `{path}`\n"
    yield f"{_words(operation.get('description', ''))}\n"
    scopes: list[str] = next(iter((operation.get("security") or [{}])[0].values()), [])
    if scopes:
        yield f"Scope: {', '.join(f'`{one}`' for one in scopes)}\n"
    asked = [one for one in operation.get("parameters", []) if one["in"] in ("query", "header")]
    if asked:
        yield "| parameter | in | type | |"
        yield "| --- | --- | --- | --- |"
        for one in asked:
            needed = "needed; " if one.get("required") else ""
            told = f"{needed}{_words(one.get('description', ''))}"
            yield f"| `{one['name']}` | {one['in']} | {_type(one.get('schema', {}))} | {_cell(told)} |"
        yield ""
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"Body, `{kind}`: {_type(content.get('schema', {}))}\n"
    for status, answer in operation.get("responses", {}).items():
        shown = ", ".join(_type(one.get("schema", {})) for one in answer.get("content", {}).values())
        words = _words(answer.get("description", ""))
        yield f"- **{status}**" + (f" {shown}" if shown else "") + (f": {words}" if words else "")
    yield ""


def _fields(one: Mapping[str, Any]) -> Iterator[str]:
    properties = one.get("properties")
    if not properties:
        yield f"{_type(one)}\n"
        return
    required = set(one.get("required", ()))
    yield "| field | type | |"
    yield "| --- | --- | --- |"
    for name, field in properties.items():
        needed = "" if name in required else "may be absent; "
        yield f"| `{name}` | {_type(field)} | {_cell(needed + _words(field.get('description', '')))} |"
    yield ""


def _type(one: Mapping[str, Any]) -> str:
    """In words, with a link to an object that is described below."""
    if "$ref" in one:
        name = one["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for word in ("allOf", "oneOf", "anyOf"):
        if word in one:
            return " or ".join(dict.fromkeys(_type(each) for each in one[word]))
    if "enum" in one:
        return _cell(" or ".join(f"`{'null' if value is None else value}`" for value in one["enum"]))
    kinds = one.get("type", "anything")
    named = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    if "items" in one:
        return f"{named} of {_type(one['items'])}"
    return f"{named} ({one['format']})" if "format" in one else named


def _words(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return text.rstrip("; ").replace("|", "\\|")
