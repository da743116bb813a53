"""The demo organization as an operator would apply it."""

from __future__ import annotations

from typing import Any

ORGANIZATION = "demo"
MODEL = "gpt-4o-mini"
PROJECT, KEY = "chatbot", "production"  # whose key is told
RESEARCH = "research"  # a project and its policy, whose budget is nearly spent
BUDGET = "budget"
OPENAI, CLAUDE = "demo-provider", "demo-claude"  # accounts, both at the demo provider
# The demo provider takes any key.
CREDENTIAL = "sk-demo-orbit-gateway"
ACTOR = "manage.py seed_demo"

ACCOUNTS = ((OPENAI, "openai"), (CLAUDE, "anthropic"))
ROUTES = {
    **dict.fromkeys((MODEL, "gpt-4o", "gpt-5", "text-embedding-3-small"), OPENAI),
    **dict.fromkeys(("claude-haiku-4-5", "claude-sonnet-4-6"), CLAUDE),
}
# What other endpoints want. Its past is not told.
MORE_ROUTES = dict.fromkeys(
    ("gpt-3.5-turbo-instruct", "omni-moderation-latest", "gpt-image-1", "gpt-4o-mini-tts", "whisper-1"),
    OPENAI,
)
ASSISTANT, SPARE = "assistant", "claude-haiku-4-5"  # falls back from MODEL to that


def document(provider_url: str) -> dict[str, Any]:
    return {
        "version": 1,
        "organizations": [
            {
                "slug": ORGANIZATION,
                "name": "Demo organization",
                "provider_accounts": [
                    {
                        "name": name,
                        "kind": kind,
                        "base_url": provider_url,
                        "prices_as": kind,
                        "credential": {"value": CREDENTIAL},
                    }
                    for name, kind in ACCOUNTS
                ],
                "models": _models(),
                "policies": _policies(),
                "policy": "standard",
                "projects": [
                    {"slug": PROJECT, "name": "Chatbot", "keys": [{"name": KEY}, {"name": "staging"}]},
                    {
                        "slug": "search",
                        "name": "Search",
                        "keys": [{"name": KEY}, {"name": "indexer", "policy": "night"}],
                    },
                    {
                        "slug": RESEARCH,
                        "name": "Research",
                        "policy": RESEARCH,
                        "keys": [{"name": "notebooks"}, {"name": "evaluation"}],
                    },
                ],
            }
        ],
    }


def _models() -> list[dict[str, Any]]:
    plain = (
        {"alias": model, "targets": [{"account": account, "model": model}]}
        for model, account in (ROUTES | MORE_ROUTES).items()
    )
    assistant = {
        "alias": ASSISTANT,
        "targets": [{"account": OPENAI, "model": MODEL}],
        "fallbacks": [SPARE],
    }
    return [*plain, assistant]


def _policies() -> list[dict[str, Any]]:
    return [
        {
            "name": "standard",
            "limits": [
                {"name": "rpm", "meter": "requests", "per": "minute", "limit": 600},
                {"name": "daily-requests", "meter": "requests", "per": "day", "limit": 10_000},
                {"name": "daily-tokens", "meter": "tokens", "per": "day", "limit": 5_000_000},
                {"name": BUDGET, "meter": "cost", "per": "month", "limit": "50.00"},
                {"name": "inflight", "meter": "concurrency", "limit": 20},
            ],
        },
        {"name": RESEARCH, **research("20.00")},
        {
            "name": "night",
            "limits": [{"name": "index", "meter": "input_tokens", "per": "day", "limit": 1_000_000}],
        },
    ]


def research(budget: str) -> dict[str, Any]:
    """A project's own policy: beside what the organization allows, not instead of it."""
    return {
        "allow": {"models": [one for one in (*ROUTES, ASSISTANT) if one != "claude-haiku-4-5"]},
        "caps": {"max_output_tokens": 4096},
        "limits": [
            {"name": BUDGET, "meter": "cost", "per": "month", "limit": budget},
            {"name": "key-rate", "meter": "requests", "per": "minute", "limit": 30, "of": "each_key"},
        ],
    }
