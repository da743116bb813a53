"""A configuration of LiteLLM becomes a file that applies; what it cannot become is told, and no secret is repeated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_django import Settings

from tests.tenants.conftest import Answer, apply_text, export, run

EXAMPLE = Path(__file__).parent / "data" / "litellm.yaml"
Import = Callable[[Any], Answer]


@pytest.fixture
def imported(tmp_path: Path, slug: str) -> Import:
    def done(config: Any) -> Answer:
        file = tmp_path / "config.yaml"
        file.write_text(config if isinstance(config, str) else yaml.safe_dump(config))
        return run("import", "litellm", str(file), "--organization", slug)

    return done


def organization(answer: Answer) -> dict[str, Any]:
    assert answer.code == 0, answer.err
    found: dict[str, Any] = yaml.safe_load(answer.out)["organizations"][0]
    return found


def one_model(**params: Any) -> dict[str, Any]:
    return {"model_list": [{"model_name": "m", "litellm_params": params}]}


def test_result_is_applied_cleanly(imported: Import, tmp_path: Path, slug: str, settings: Settings) -> None:
    settings.ORBIT_PRIVATE_TARGETS = ["10.0.0.7:8000", "localhost:11434"]
    answer = imported(EXAMPLE.read_text())
    applied = apply_text(tmp_path, answer.out, "--json")
    assert applied.code == 0, applied.out
    assert [key["name"] for key in applied.json["keys"]] == ["default"]
    assert apply_text(tmp_path, answer.out, "--json").json["changed"] is False
    assert {one["alias"] for one in export(slug)["models"]} == {
        "gpt-4o", "claude", "llama", "house", "embed", "local", "gpt-4",
    }  # fmt: skip


def test_what_has_a_counterpart_is_carried_over(imported: Import) -> None:
    made = organization(imported(EXAMPLE.read_text()))
    accounts = {one["name"]: one for one in made["provider_accounts"]}
    assert {name: one.get("credential") for name, one in accounts.items()} == {
        "openai": {"ref": "env://OPENAI_KEY_EU"},
        "openai-2": {"ref": "env://IMPORTED_OPENAI_2_KEY"},
        "anthropic": {"ref": "env://ANTHROPIC_API_KEY"},
        "vllm": None,
        "openai_compatible": {"ref": "env://IMPORTED_OPENAI_COMPATIBLE_KEY"},
        "mistral": {"ref": "env://MISTRAL_API_KEY"},
        "ollama": None,
    }
    assert accounts["ollama"]["base_url"] == "http://localhost:11434/v1"
    assert accounts["openai_compatible"]["prices_as"] == "openai_compatible"
    routes = {one["alias"]: one for one in made["models"]}
    assert routes["gpt-4o"] == {
        "alias": "gpt-4o",
        "targets": [
            {"account": "openai", "model": "gpt-4o", "weight": 3},
            {"account": "openai-2", "model": "gpt-4o"},
        ],
        "fallbacks": ["claude", "llama"],
        "retries": 2,
        "timeouts": {"total_s": 300},
        "context_window": 128_000,
        "max_output_tokens": 16_384,
    }
    assert routes["gpt-4"]["targets"] == routes["gpt-4o"]["targets"]
    assert (routes["claude"]["retries"], "fallbacks" in routes["claude"]) == (5, False)
    assert routes["embed"]["fallbacks"] == ["claude"]
    assert routes["llama"]["targets"][0]["model"] == "meta-llama/Llama-3.1-8B-Instruct"
    assert routes["llama"]["timeouts"] == {"total_s": 600}
    prices = {one["model"]: one for one in made["prices"]}
    assert prices["meta-llama/Llama-3.1-8B-Instruct"]["free"] is True
    assert (prices["house-7b"]["input"], prices["house-7b"]["output"]) == ("0.15", "0.60")
    assert made["policies"] == [
        {
            "name": "imported",
            "untranslatable": "drop",
            "caps": {"max_body_bytes": 10 * 2**20},
            "allow": {"ip_ranges": ["203.0.113.7/32", "198.51.100.0/24"]},
            "limits": [
                {"name": "parallel", "meter": "concurrency", "limit": 200},
                {"name": "budget", "meter": "cost", "per": "month", "limit": "500.00"},
                {"name": "end-user", "meter": "cost", "per": "total", "limit": "2.50", "of": "each_end_user"},
            ],
        }
    ]


@pytest.mark.parametrize(
    "words",
    [
        "model_list[0].litellm_params: rpm:",
        "model_list[0].model_info: id:",
        "model_list[1].litellm_params: a key stands in the file",
        "model_list[1].litellm_params: account openai-2 takes its key from the variable IMPORTED_OPENAI_2_KEY",
        "model_list[1].litellm_params: temperature:",
        "model_list[2].litellm_params.model: there is no kind of account for 'azure' yet",
        "model_list[3].litellm_params.max_retries: is not possible here: it becomes 5",
        "model_list[4].litellm_params: 10.0.0.7:8000 is not public: list it in ORBIT_PRIVATE_TARGETS",
        "model_list[8].model_name: a pattern is not carried over",
        "litellm_settings: callbacks, cache, cache_params, context_window_fallbacks:",
        "litellm_settings.max_budget: counts by calendar here",
        "router_settings.routing_strategy:",
        "router_settings.fallbacks: 'gone' is no model of the file",
        "router_settings.model_group_alias.nobody:",
        "router_settings: redis_password:",
        "general_settings.master_key: keys are issued anew",
        "general_settings.database_url: teams, keys",
        "general_settings: alerting:",
        "environment_variables: OPENAI_KEY_EU:",
        "the file: guardrails:",
    ],
)
def test_what_has_none_is_told_twice(imported: Import, words: str) -> None:
    """On standard error, and at the head of the file for who reads it later."""
    answer = imported(EXAMPLE.read_text())
    assert f"warning: {words}" in answer.err
    assert f"# - {words}" in answer.out


def test_no_secret_of_the_file_is_repeated(imported: Import) -> None:
    config = EXAMPLE.read_text()
    assert config.count("sk-canary") == 8
    answer = imported(config)
    assert "canary" not in answer.out + answer.err


def test_nothing_is_dropped_in_silence(imported: Import) -> None:
    """Whatever name stands anywhere: something is made of it, or it is told."""
    names = [f"odd_{number}" for number in range(8)]
    config = one_model(model="openai/gpt-4o", **{names[0]: 1})
    config["model_list"][0] |= {"model_info": {names[1]: True}, names[2]: "x"}
    for section, name in zip(
        ("litellm_settings", "router_settings", "general_settings"), names[3:], strict=False
    ):
        config[section] = {name: {"a": 1}}
    config["environment_variables"] = {names[6]: "sk-canary"}
    config[names[7]] = [1]
    answer = imported(config)
    assert answer.code == 0
    assert [name for name in names if name not in answer.err] == []
    for section in ("litellm_settings", "router_settings", "general_settings", "environment_variables"):
        assert f"{section}: is no mapping" in imported(one_model(model="gpt-4o") | {section: [1]}).err


@pytest.mark.parametrize(
    ("params", "kind", "model"),
    [
        ({"model": "gpt-4o-mini"}, "openai", "gpt-4o-mini"),
        ({"model": "o3-mini"}, "openai", "o3-mini"),
        ({"model": "text-embedding-3-small"}, "openai", "text-embedding-3-small"),
        ({"model": "claude-haiku-4-5"}, "anthropic", "claude-haiku-4-5"),
        ({"model": "openrouter/openai/gpt-4o"}, "openrouter", "openai/gpt-4o"),
        ({"model": "together_ai/meta/llama"}, "together", "meta/llama"),
        ({"model": "some/model", "custom_llm_provider": "groq"}, "groq", "some/model"),
        ({"model": "openai/x", "api_base": "https://api.openai.com/v1"}, "openai", "x"),
        ({"model": "openai/x", "api_base": "https://llm.example.com/v1"}, "openai_compatible", "x"),
    ],
)
def test_provider_is_told_from_the_models_name(
    imported: Import, params: dict[str, Any], kind: str, model: str
) -> None:
    made = organization(imported(one_model(**params)))
    assert made["provider_accounts"][0]["kind"] == kind
    assert made["models"][0]["targets"][0]["model"] == model


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"model": "bedrock/anthropic.claude"}, "no kind of account for 'bedrock'"),
        ({"model": "mystery"}, "no kind of account for 'its provider'"),
        ({"model": "hosted_vllm/x"}, "is missing, and this account needs it"),
        ({"model": "openai/x", "api_base": "ftp://llm.example.com"}, "its address is not carried over"),
        ({"model": "openai/x", "api_base": "os.environ/NOT_SET_HERE"}, "NOT_SET_HERE is not set here"),
        ({"model": "openai/x", "api_key": "os.environ/ORBIT_MASTER_KEY"}, "its key is not carried over"),
        ({"model": "gpt-4o", "timeout": "soon"}, "timeout: is no number"),
        ({"model": "gpt-4o", "timeout": float("inf")}, "timeout: is no number"),
        ({"model": "gpt-4o", "timeout": 99_999}, "timeout: is not possible here: it becomes 7200"),
        ({"model": "gpt-4o", "input_cost_per_token": 0.1}, "must both have a price"),
        ({"model": "gpt-4o", "litellm_credential_name": "x"}, "names no credential"),
    ],
)
def test_what_stands_in_the_way_is_told(imported: Import, params: dict[str, Any], words: str) -> None:
    answer = imported(one_model(**params))
    assert answer.code == 0
    assert words in answer.err


@pytest.mark.parametrize("text", ["[]", "model_list: 7", "a: {", "{}", "\xff"])
def test_what_is_no_configuration_is_bad_input(imported: Import, text: str) -> None:
    answer = imported(text)
    assert (answer.code, answer.out) == (2, "")
    assert run("import", "litellm", "/nowhere/config.yaml").code == 2
