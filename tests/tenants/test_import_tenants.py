"""A plain list of tenants becomes a file that applies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tenants.conftest import apply_text, export, run

EXAMPLE = Path(__file__).parent / "data" / "tenants.yaml"


def test_result_is_applied_cleanly(tmp_path: Path, slug: str) -> None:
    text = EXAMPLE.read_text().replace("name: Acme GmbH", f"name: Acme GmbH\n    slug: {slug}")
    file = tmp_path / "tenants.yaml"
    file.write_text(text.replace("other-one", f"{slug}-b"))
    answer = run("import", "tenants", str(file))
    assert answer.code == 0, answer.err
    assert "sk-canary" not in answer.out + answer.err
    assert "warning: tenants[1].providers.anthropic: a key stands in the file" in answer.err
    applied = apply_text(tmp_path, answer.out, "--json")
    assert applied.code == 0, applied.out
    assert [(key["project"], key["name"]) for key in applied.json["keys"]] == [
        ("chatbot", "production"),
        ("chatbot", "trial"),
        ("search-find", "main"),
    ]
    assert apply_text(tmp_path, answer.out, "--json").json["changed"] is False
    made = export(slug)
    assert made["policy"] == "organization"
    assert [project["policy"] for project in made["projects"]] == ["team-chatbot", None, "team-search-find"]
    policies = {policy["name"]: policy for policy in made["policies"]}
    assert policies["team-chatbot"]["allow"]["models"] == ["fast"]
    assert [(one["meter"], one.get("per")) for one in policies["organization"]["limits"]] == [
        ("requests", "minute"),
        ("cost", "month"),
    ]
    trial = next(key for key in made["projects"][0]["keys"] if key["name"] == "trial")
    assert (trial["rotate_after_days"], trial["allow"]) == (90, {"ip_ranges": ["192.0.2.0/24"]})


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"budget": 5}, "tenants[0].budget", "unknown field"),
        ({"budget_per_month": 5.5}, "tenants[0].budget_per_month", "in quotes"),
        ({"models": {"x": "gpt-4o"}}, "tenants[0].models.x", "must be PROVIDER/MODEL"),
        ({"models": {"x": "nobody/gpt-4o"}}, "tenants[0].models.x", "providers: openai"),
        ({"providers": {"opnai": "env://X"}}, "tenants[0].providers.opnai.kind", "did you mean 'openai'?"),
        ({"providers": {"vllm": "env://X"}}, "tenants[0].providers.vllm.base_url", "is missing"),
        ({"teams": [{"keys": []}]}, "tenants[0].teams[0].name", "is missing"),
        ({"teams": [{"name": "a", "keys": ["a b"]}]}, "tenants[0].teams[0].keys[0].name", "letters"),
    ],
)
def test_mistake_is_told_by_its_path(tmp_path: Path, change: dict[str, Any], path: str, words: str) -> None:
    tenant = {"name": "Acme", "providers": {"openai": "env://OPENAI_API_KEY"}} | change
    file = tmp_path / "tenants.yaml"
    file.write_text(yaml.safe_dump({"tenants": [tenant]}))
    answer = run("import", "tenants", str(file))
    assert (answer.code, answer.out) == (2, "")
    assert f"{path}: " in answer.err
    assert words in answer.err


def test_example_of_the_page_is_imported(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "importing.md").read_text()
    file = tmp_path / "tenants.yaml"
    file.write_text(page.split("```yaml\n")[1].split("```")[0])
    answer = run("import", "tenants", str(file))
    assert answer.code == 0, answer.err
    assert "the result" not in answer.err
