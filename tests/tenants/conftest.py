"""Organizations of a test's own, and the commands with what they answered."""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml
from django.core.management import CommandError, call_command

from tenants.models import Organization
from tenants.services import create_organization

SECRET = "sk-canary-7f3a91c2e5d84b60"


@pytest.fixture
def slug() -> str:
    return f"t-{secrets.token_hex(6)}"


@pytest.fixture
def organization(slug: str) -> Organization:
    return create_organization(slug=slug, actor="test")


@pytest.fixture
def other() -> Organization:
    return create_organization(slug=f"o-{secrets.token_hex(6)}", actor="test")


@pytest.fixture
def entry(slug: str) -> dict[str, Any]:
    return entry_of(slug)


def entry_of(slug: str) -> dict[str, Any]:
    """An organization of the file that uses everything that is supported."""
    return {
        "slug": slug,
        "name": "Acme GmbH",
        "time_zone": "Europe/Berlin",
        "currency": "USD",
        "calendar": {"week_starts": "sunday", "month_starts_on": 5, "year_starts_in": 4},
        "provider_accounts": [
            {"name": "main", "kind": "openai", "credential": {"value": SECRET}},
            {
                "name": "own",
                "kind": "openai_compatible",
                "base_url": "https://llm.example.com/v1/",
                "prices_as": "openai",
                "credential": {"ref": "env://ACME_KEY"},
            },
        ],
        "models": [
            {
                "alias": "fast",
                "targets": [
                    {"account": "main", "model": "gpt-4o-mini", "weight": 3},
                    {"account": "own", "model": "llama"},
                    {"account": "own", "model": "mistral", "weight": 0},
                ],
                "fallbacks": ["steady"],  # which comes later, and falls back to this one
                "retries": 2,
                "affinity": "end_user",
                "timeouts": {"connect_s": 3, "first_byte_s": 60, "gap_s": 30, "total_s": 600},
                "context_window": 128_000,
                "max_output_tokens": 16_384,
                "deprecated": "Use steady from 2027-03-01 on.",
            },
            {
                "alias": "steady",
                "targets": [{"account": "own", "model": "llama", "weight": 1}],
                "fallbacks": ["fast"],
                "timeouts": {"gap_s": 300},
            },
        ],
        "prices": [{"provider": "openai", "model": "gpt-4o*", "account": "main", "discount_percent": "7.5"}],
        "policies": [
            {
                "name": "default",
                "allow": {
                    "models": ["fast", "steady"],
                    "endpoints": ["chat/completions", "audio/*", "messages/count_tokens"],
                    "ip_ranges": ["192.0.2.0/24"],
                },
                "caps": {"max_input_tokens": 100_000, "max_output_tokens": 8_192},
                "limits": [
                    {"name": "rpm", "meter": "requests", "per": "minute", "limit": 600, "burst": 60},
                    {"name": "tpm", "meter": "tokens", "per": "minute", "limit": 60_000, "of": "each_key"},
                    {"name": "fast", "meter": "tokens", "per": "day", "limit": 1_000_000, "models": ["fast"]},
                    {"name": "budget", "meter": "cost", "per": "month", "limit": "500.00"},
                    {"name": "inflight", "meter": "concurrency", "limit": 20},
                ],
                "unpriced_models": {"input": "30.00", "output": "120"},
                "untranslatable": {"drop": ["seed", "messages.content.cache_control", "seed"]},
            },
            {
                "name": "tight",
                "limits": [
                    {
                        "name": "per-user",
                        "meter": "cost",
                        "per": "day",
                        "limit": "2.00",
                        "of": "each_end_user",
                    },
                    {
                        "name": "rpm",
                        "meter": "requests",
                        "per": "minute",
                        "limit": 60,
                        "burst": 10,
                        "temporary": {"limit": 120, "until": "2031-01-01T01:00:00+01:00"},
                    },
                    {"name": "trial", "meter": "requests", "per": "minute", "limit": 30, "shadow": True},
                ],
                "on_store_failure": "local_share",
                "output_reserve": "learned",
                "on_disconnect": {"drain": {"max_s": 60, "max_cost": "0.50"}},
            },
        ],
        "policy": "default",
        "projects": [
            {
                "slug": "chatbot",
                "name": "Chatbot",
                "policy": "tight",
                "keys": [
                    {"name": "production", "policy": "default", "expires_at": "2031-01-01T00:00:00Z"},
                    {
                        "name": "staging",
                        "rotate_after_days": 90,
                        "allow": {"endpoints": ["messages"], "ip_ranges": ["10.0.0.0/8"]},
                    },
                ],
            },
            {"slug": "search"},
        ],
    }


@dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(self.out)
        return made

    def error_at(self, path: str) -> dict[str, str]:
        """The one error of this path."""
        found = [error for error in self.json["errors"] if error["path"] == path]
        assert len(found) == 1, self.json["errors"]
        error: dict[str, str] = found[0]
        return error


class Apply(Protocol):
    def __call__(self, *organizations: Any, options: tuple[str, ...] = ("--json",)) -> Answer: ...


def run(*argv: str) -> Answer:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(*argv, stdout=out, stderr=err)
    except CommandError as error:
        return Answer(error.returncode, out.getvalue(), err.getvalue() + str(error))
    return Answer(0, out.getvalue(), err.getvalue())


@pytest.fixture
def apply(tmp_path: Path) -> Apply:
    def applied(*organizations: Any, options: tuple[str, ...] = ("--json",)) -> Answer:
        return apply_text(
            tmp_path, yaml.safe_dump({"version": 1, "organizations": list(organizations)}), *options
        )

    return applied


@pytest.fixture
def apply_raw(tmp_path: Path) -> Callable[[str], Answer]:
    return lambda text: apply_text(tmp_path, text, "--json")


def apply_text(directory: Path, text: str, *options: str) -> Answer:
    file = directory / "orbit.yaml"
    file.write_text(text)
    return run("apply", "-f", str(file), *options)


def export(slug: str) -> dict[str, Any]:
    answer = run("export", "--organization", slug)
    assert answer.code == 0
    made: dict[str, Any] = yaml.safe_load(answer.out)["organizations"][0]
    return made
