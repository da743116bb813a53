"""The table of commands says what the API's description says: a row cannot name what the API does not take."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest

from orbit.cli.command import Command
from orbit.cli.commands import ALL, GROUPS
from orbit.cli.rows import WHOLE
from tenants.api.description import description

ROWS = [one for one in ALL if isinstance(one, Command)]
MONEY = "_nano"


@cache
def _said() -> dict[str, Any]:
    return description()


def _operation(row: Command) -> dict[str, Any]:
    wanted = _shape(f"/api/v1/{row.path}")
    found = [item for path, item in _said()["paths"].items() if _shape(path) == wanted]
    assert found, f"{row.path} is not described"
    operation: dict[str, Any] = found[0][row.method.lower()]
    return operation


def _shape(path: str) -> str:
    return re.sub(r"{\w+}", "{}", path)


def _properties(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = _said()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    found: dict[str, Any] = schema.get("properties", {})
    return found


def _content(part: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = part["content"]["application/json"]["schema"]
    return schema


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.words)
def test_options_are_taken_by_the_api(row: Command) -> None:
    operation = _operation(row)
    if row.method == "GET":
        known = {one["name"] for one in operation.get("parameters", []) if one["in"] == "query"}
    else:
        body = operation.get("requestBody")
        known = set(_properties(_content(body))) if body else set()
    assert {one.name for one in row.options} - {WHOLE} <= known


@pytest.mark.parametrize("row", [one for one in ROWS if one.columns], ids=lambda row: row.words)
def test_columns_are_told_by_the_api(row: Command) -> None:
    listed = _properties(_content(_operation(row)["responses"]["200"]))["data"]["items"]
    assert {name.partition(".")[0] for name in row.columns} <= set(_properties(listed))


def test_what_the_api_wants_is_wanted_here() -> None:
    for row in ROWS:
        body = _operation(row).get("requestBody")
        if row.method == "GET" or body is None or any(one.name == WHOLE for one in row.options):
            continue
        schema = _content(body)
        while "$ref" in schema:
            schema = _said()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        assert set(schema.get("required", [])) <= {one.name for one in row.options if one.required}, row.words


def test_every_group_is_explained_and_every_name_is_one_command() -> None:
    words = [one.words for one in ALL]
    assert len(words) == len(set(words))
    assert {one.rpartition(" ")[0] for one in words} - {""} == set(GROUPS)
