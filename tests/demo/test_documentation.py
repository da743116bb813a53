from dataclasses import fields
from pathlib import Path

import pytest

from orbit.demo.provider import behaviour

PAGE = Path(__file__).parents[2] / "docs" / "demo-provider.md"


@pytest.mark.parametrize("field", [field.name for field in fields(behaviour.Behaviour)])
def test_every_directive_is_in_both_tables(field: str) -> None:
    for text in (behaviour.__doc__ or "", PAGE.read_text()):
        assert f"`{field}`" in text or f"`{field}=" in text or f"`{field}[=" in text


@pytest.mark.parametrize("kind", sorted(behaviour.USAGE_KINDS - {"normal"}))
def test_every_kind_of_usage_is_documented(kind: str) -> None:
    assert f"`{kind}`" in (behaviour.__doc__ or "")
    assert f"`{kind}`" in PAGE.read_text()
