"""docs/api.md and docs/errors.md hold what the management API has."""

from __future__ import annotations

import json
import re

import pytest
from django.test import Client

from orbit.launcher.state import PROJECT
from tenants.api.description import table
from tenants.api.problems import PROBLEMS
from tests.tenants.api.conftest import Caller

API = (PROJECT / "docs/api.md").read_text()
ERRORS = (PROJECT / "docs/errors.md").read_text()


def test_every_path_is_in_the_table() -> None:
    """`manage.py endpoints` prints it."""
    assert table() in API


def test_every_problem_is_explained_with_its_status() -> None:
    section = ERRORS.partition("## The management API")[2]
    explained = {
        code: int(status) for status, code in re.findall(r"^\| (\d{3}) \| `(\w+)` \|", section, re.MULTILINE)
    }
    assert explained == {code: status for code, (status, _) in PROBLEMS.items()}


def test_example_of_a_problem_has_the_fields_of_one(admin: Caller) -> None:
    example = json.loads(re.findall(r"```json\n(.*?)```", API, re.DOTALL)[0])
    path = f"organizations/{_own(admin)}/keys"
    answer = admin("POST", path, {"project": "nothing", "name": "x", "expires": None}).json()
    assert (list(example), list(example["errors"][0])) == (list(answer), list(answer["errors"][0]))
    assert (example["code"], example["title"]) == (answer["code"], answer["title"])


def _own(caller: Caller) -> str:
    return str(caller("GET", "me").json()["organization"])


@pytest.mark.parametrize("path", ["/api/v1/schema", "/api/v1/docs"])
def test_description_and_page_are_open_to_everybody(path: str) -> None:
    assert Client().get(path).status_code == 200
