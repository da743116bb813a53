"""Provider accounts, models and prices from the command line."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.cli.conftest import Orbit

CREDENTIAL = "sk-canary-5e1f07c2a94b"


def test_credential_comes_by_standard_input_and_is_told_nowhere(orbit: Orbit) -> None:
    save = ("accounts", "save", "main", "--kind", "openai")
    said = orbit(*save, "--credential-stdin", stdin=f"{CREDENTIAL}\n")
    assert said.code == 0
    told = [said, orbit("accounts", "list"), orbit("accounts", "show", "main"), orbit("export")]
    assert all(CREDENTIAL not in one.out + one.err for one in told)
    assert orbit("accounts", "test", "main", "--json").json["works"] is True
    assert orbit(*save, "--ref", "env://X", "--credential-stdin", stdin="x").code == 2
    assert orbit(*save, "--credential-stdin").code == 2
    assert orbit("accounts", "save", "main", "--kind", "opnai").code == 2
    assert orbit("accounts", "delete", "main", "--yes").code == 0


def test_operator_refers_to_a_variable(operator: Orbit, orbit: Orbit) -> None:
    slug = orbit("whoami", "--json").json["organization"]
    save = ("accounts", "save", "main", "--kind", "openai", "--ref", "env://OPENAI_API_KEY", "--json")
    assert operator(*save, "-o", slug).json["credential"]["ref"] == "env://OPENAI_API_KEY"


def test_usage_credential_is_taken_away(operator: Orbit, orbit: Orbit) -> None:
    slug = orbit("whoami", "--json").json["organization"]
    save = ("accounts", "save", "main", "--kind", "openai", "--json", "-o", slug)
    there = operator(*save, "--usage-ref", "env://OPENAI_ADMIN_KEY").json["usage_credential"]
    assert there["ref"] == "env://OPENAI_ADMIN_KEY"
    assert operator(*save).json["usage_credential"] == there
    assert operator(*save, "--without-usage", "--usage-ref", "env://X").code == 2
    assert operator(*save, "--without-usage").json["usage_credential"] is None


def test_models_by_targets_or_by_file(orbit: Orbit, tmp_path: Path) -> None:
    orbit("accounts", "save", "main", "--kind", "openai", "--credential-stdin", stdin=CREDENTIAL)
    orbit("accounts", "save", "own", "--kind", "vllm", "--base-url", "https://llm.example.com/v1")
    alias = "house/fast:1"
    targets = ("--target", "main/gpt-4o-mini=3,own/meta-llama/Llama-3.1-8B")
    saved = orbit("models", "save", alias, *targets, "--json").json
    assert [(one["account"], one["model"], one["weight"]) for one in saved["targets"]] == [
        ("main", "gpt-4o-mini", 3),
        ("own", "meta-llama/Llama-3.1-8B", 1),
    ]
    route = tmp_path / "route.yaml"
    route.write_text(yaml.safe_dump({"targets": [{"account": "main", "model": "gpt-4o"}], "retries": 3}))
    save = ("models", "save", "steady", "-f", str(route), "--fallbacks", alias, "--json")
    assert (orbit(*save).json["retries"], orbit(*save).json["fallbacks"]) == (3, [alias])
    assert orbit("models", "save", "bad", "--target", "gpt-4o").code == 2
    assert alias in orbit("models", "list", "--account", "own").out
    assert orbit("models", "show", alias, "--json").json["alias"] == alias
    assert orbit("models", "delete", "steady", "--yes").code == 0


def test_contract_prices(orbit: Orbit, tmp_path: Path) -> None:
    orbit("accounts", "save", "main", "--kind", "openai", "--credential-stdin", stdin=CREDENTIAL)
    agree = ("contracts", "agree", "--provider", "openai", "--model", "gpt-4o*")
    cheaper = orbit(*agree, "--discount-percent", "12.5", "--source", "contract 7", "--json").json
    assert cheaper["discount_percent"] == "12.5"
    rates = tmp_path / "price.yaml"
    rates.write_text("rates: {input: '2.00', output: '8.00'}")
    agreed = orbit(*agree, "-f", str(rates), "--json").json
    assert agreed["rates"]["input"] == "2.00"
    assert "gpt-4o*" in orbit("contracts", "list", "--withdrawn", "no").out
    assert orbit("contracts", "withdraw", str(agreed["id"]), "--yes").code == 0
    assert orbit("contracts", "list", "--withdrawn", "no").err == "none\n"


def test_price_book(orbit: Orbit) -> None:
    assert orbit("prices", "list", "--provider", "nobody").err == "none\n"
