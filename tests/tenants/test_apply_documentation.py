"""The example works, and docs/apply.md names every field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from tenants.schema import Document
from tenants.schema.problems import model_in
from tests.tenants.conftest import Apply, export

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "examples").glob("*.yaml")))
def test_the_examples_are_applied(apply: Apply, slug: str, name: str) -> None:
    example = yaml.safe_load((ROOT / "examples" / name).read_text())["organizations"][0] | {"slug": slug}
    answer = apply(example)
    assert answer.code == 0, answer.out
    assert apply(example).json["changed"] is False
    assert apply(export(slug)).json["changed"] is False


def test_every_field_is_documented() -> None:
    text = (ROOT / "docs" / "apply.md").read_text()
    missing = [name for name in sorted(_fields(Document)) if f"`{name}`" not in text]
    assert missing == []


def _fields(model: Any) -> set[str]:
    names: set[str] = set()
    if isinstance(model, type) and issubclass(model, BaseModel):
        for name, field in model.model_fields.items():
            names |= {field.alias or name} | _fields(model_in(field.annotation))
    return names
