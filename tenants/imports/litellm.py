"""LiteLLM's `config.yaml` (https://docs.litellm.ai/docs/proxy/configs) as one organization.

What is in LiteLLM's database, teams and keys above all, is not in that file.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from orbit.lib import money
from orbit.lib.errors import InputError
from tenants import routing
from tenants.imports.draft import Accounts, Draft, Given
from tenants.schema import values

# LiteLLM's providers: our kind of account, and the variable that LiteLLM reads when no key is given.
PROVIDERS = {
    "openai": ("openai", "OPENAI_API_KEY"),
    "text-completion-openai": ("openai", "OPENAI_API_KEY"),
    "custom_openai": ("openai_compatible", ""),
    "openai_like": ("openai_compatible", ""),
    "litellm_proxy": ("openai_compatible", ""),
    "anthropic": ("anthropic", "ANTHROPIC_API_KEY"),
    "groq": ("groq", "GROQ_API_KEY"),
    "together_ai": ("together", "TOGETHERAI_API_KEY"),
    "deepseek": ("deepseek", "DEEPSEEK_API_KEY"),
    "xai": ("xai", "XAI_API_KEY"),
    "mistral": ("mistral", "MISTRAL_API_KEY"),
    "openrouter": ("openrouter", "OPENROUTER_API_KEY"),
    "hosted_vllm": ("vllm", ""),
    "vllm": ("vllm", ""),
    "ollama": ("ollama", ""),
    "ollama_chat": ("ollama", ""),
}
OLLAMA = "http://localhost:11434"  # where LiteLLM looks for it
# Names that LiteLLM knows without a provider before them.
_OPENAI = re.compile(r"(gpt|chatgpt|o\d|text-embedding|text-moderation|omni-moderation|dall-e|whisper|tts)\b")
_ENVIRON = "os.environ/"
_WINDOWS = {"24h": "day", "1d": "day", "7d": "week", "30d": "month", "1mo": "month"}
_MILLION = Decimal(1_000_000)
POLICY, PROJECT, KEY = "imported", "default", "default"


@dataclass(slots=True)
class _Route:
    targets: dict[tuple[str, str], int] = field(default_factory=dict)
    facts: dict[str, int] = field(default_factory=dict)  # context_window, max_output_tokens
    total_s: int | None = None
    retries: int | None = None


def draft(content: Any, organization: str) -> Draft:
    """InputError when this is no such configuration."""
    values.slug(organization)
    made = Draft()
    config = Given(content, "", made)
    models = config.take("model_list")
    if not isinstance(models, list):
        raise InputError("model_list", "is missing", "is this a config.yaml of LiteLLM's proxy?")
    made.organizations.append(_Config(made, config, organization).organization(models))
    config.leave()
    return made


class _Config:
    def __init__(self, made: Draft, config: Given, organization: str) -> None:
        self._draft, self._slug = made, organization
        self._accounts = Accounts(made)
        self._credentials = dict(_credentials(config, made))
        self._library = config.mapping("litellm_settings")
        self._router = config.mapping("router_settings")
        self._general = config.mapping("general_settings")
        self._routes: dict[str, _Route] = {}
        self._prices: dict[tuple[str, str, str], dict[str, Any]] = {}
        config.mapping("environment_variables").leave(
            "set them where the gateway runs, should an account's key be among them"
        )

    def organization(self, models: list[Any]) -> dict[str, Any]:
        usual_s = self._setting("timeout", 1, routing.MOST_S["total_s"])
        usual_s = (
            self._library.whole("request_timeout", 1, routing.MOST_S["total_s"])
            if usual_s is None
            else usual_s
        )
        usual_retries = self._setting("num_retries", 0, routing.MOST_RETRIES)
        for number, entry in enumerate(models):
            self._deployment(Given(entry, f"model_list[{number}]", self._draft))
        self._aliases()
        fallbacks = self._fallbacks()
        policy = self._policy()
        self._last_words()
        return {
            "slug": self._slug,
            "provider_accounts": self._accounts.rows,
            "models": [
                _route(alias, route, fallbacks.get(alias, []), usual_s, usual_retries)
                for alias, route in self._routes.items()
            ],
            **({"prices": list(self._prices.values())} if self._prices else {}),
            "policies": [policy],
            "policy": POLICY,
            "projects": [{"slug": PROJECT, "name": "Default", "keys": [{"name": KEY}]}],
        }

    def _setting(self, name: str, least: int, most: int) -> int | None:
        """LiteLLM takes it from either place, the router's first."""
        router, library = self._router.whole(name, least, most), self._library.whole(name, least, most)
        return library if router is None else router

    def _deployment(self, entry: Given) -> None:
        alias, given, info = (
            entry.take("model_name"),
            entry.mapping("litellm_params"),
            entry.mapping("model_info"),
        )
        provider, model = _provider(given)
        if "*" in f"{alias}{model}":
            entry.warn("model_name", "a pattern is not carried over: name each model")
            return
        try:
            values.alias(str(alias or ""))
            values.upstream_model(model)
        except InputError as error:
            entry.warn("model_name", f"is not carried over: {error.message}")
            return
        account = self._account(provider, given)
        if account is None:
            return
        route = self._routes.setdefault(str(alias), _Route())
        self._target(route, account["name"], model, given)
        self._facts(route, given, info)
        self._price(account, model, given, info)
        given.leave()
        info.leave()
        entry.leave()

    def _account(self, provider: str, given: Given) -> dict[str, Any] | None:
        if provider not in PROVIDERS:
            given.warn(
                "model", f"there is no kind of account for {provider or 'its provider'!r} yet: left out"
            )
            return None
        kind, usual = PROVIDERS[provider]
        named = given.take("litellm_credential_name")
        stored = self._credentials.get(str(named), {}) if named else {}
        if named and not stored:
            given.warn("litellm_credential_name", "names no credential of the file")
        url = self._url(given, "api_base") or self._url(given, "base_url") or stored.get("api_base")
        key = given.take("api_key") or stored.get("api_key")
        if kind == "openai" and url and "//api.openai.com" not in url:
            kind, usual = "openai_compatible", ""
        if kind == "ollama":
            url = url or OLLAMA
            url = url if url.rstrip("/").endswith("/v1") else url.rstrip("/") + "/v1"
        if kind in ("openai_compatible", "vllm") and not url:
            given.warn("api_base", "is missing, and this account needs it: left out")
            return None
        reference = _reference(key) if key else (f"env://{usual}" if usual else None)
        return self._accounts.account(kind, url, reference, given.path)

    def _url(self, given: Given, name: str) -> str | None:
        url = given.take(name)
        if isinstance(url, str) and url.startswith(_ENVIRON):
            variable = url.removeprefix(_ENVIRON)
            url = os.environ.get(variable)
            if not url:
                given.warn(
                    name,
                    f"the variable {variable} is not set here: set it and import again, or write the address",
                )
        return url.rstrip("/") if isinstance(url, str) and url else None

    def _target(self, route: _Route, account: str, model: str, given: Given) -> None:
        weight = given.whole("weight", 0, routing.MOST_WEIGHT)
        where, share = (account, model), 1 if weight is None else weight
        if where not in route.targets and len(route.targets) == routing.MOST_TARGETS:
            given.warn("model", f"a model has at most {routing.MOST_TARGETS} targets here: left out")
            return
        route.targets[where] = min(route.targets.get(where, 0) + share, routing.MOST_WEIGHT)

    def _facts(self, route: _Route, given: Given, info: Given) -> None:
        seconds = given.whole("timeout", 1, routing.MOST_S["total_s"])
        if seconds is not None:
            route.total_s = max(seconds, route.total_s or 0)
        retries = [given.whole(name, 0, routing.MOST_RETRIES) for name in ("max_retries", "num_retries")]
        named = [one for one in (*retries, route.retries) if one is not None]
        route.retries = max(named) if named else None
        window = info.whole("max_input_tokens", 1)
        output = info.whole("max_output_tokens", 1) or info.whole("max_tokens", 1)
        if window is not None:
            route.facts["context_window"] = max(window, output or 0)
        if output is not None:
            route.facts["max_output_tokens"] = output

    def _price(self, account: dict[str, Any], model: str, given: Given, info: Given) -> None:
        rates = {}
        for ours, theirs in (("input", "input_cost_per_token"), ("output", "output_cost_per_token")):
            written = [one for one in (given.take(theirs), info.take(theirs)) if one is not None]
            if written:
                rates[ours] = _per_million(written[0])
        if not rates:
            return
        price = {
            "provider": account.get("prices_as", account["kind"]),
            "model": model,
            "account": account["name"],
        }
        if set(rates.values()) == {"0.00"} and len(rates) == 2:
            self._prices[account["name"], model, ""] = price | {"free": True}
        elif len(rates) == 2 and None not in rates.values() and "0.00" not in rates.values():
            self._prices[account["name"], model, ""] = price | rates
        else:
            given.warn(
                "input_cost_per_token", "input and output must both have a price here: not carried over"
            )

    def _aliases(self) -> None:
        given = self._router.take("model_group_alias") or self._library.take("model_group_alias") or {}
        for alias, said in given.items() if isinstance(given, dict) else ():
            model = said.get("model") if isinstance(said, dict) else said
            where = f"model_group_alias.{alias}"
            if isinstance(said, dict) and said.get("hidden"):
                self._router.warn(where, "is hidden there; GET /v1/models lists it here")
            if model in self._routes and alias not in self._routes:
                self._routes[str(alias)] = self._routes[model]
            else:
                self._router.warn(where, "stands for no model, or is one already: not carried over")

    def _fallbacks(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        usual: list[str] = []
        for settings in (self._router, self._library):
            said, default = settings.take("fallbacks"), settings.take("default_fallbacks")
            pairs = [pair for one in said or [] if isinstance(one, dict) for pair in one.items()]
            for alias, others in pairs:
                if alias == "*":
                    usual = usual or self._known(settings, others)
                elif alias in self._routes:
                    found.setdefault(alias, [one for one in self._known(settings, others) if one != alias])
                else:
                    settings.warn("fallbacks", f"{alias!r} is no model of the file")
            usual = usual or self._known(settings, default)
        for alias in self._routes if usual else ():
            found.setdefault(alias, [one for one in usual if one != alias])
        for alias, others in found.items():
            if len(others) > routing.MOST_FALLBACKS:
                self._router.warn(
                    "fallbacks",
                    f"{alias!r} keeps its first {routing.MOST_FALLBACKS}, as many as there may be",
                )
        return {alias: others[: routing.MOST_FALLBACKS] for alias, others in found.items()}

    def _known(self, settings: Given, others: Any) -> list[str]:
        names = [str(one) for one in others] if isinstance(others, list) else []
        for name in names:
            if name not in self._routes:
                settings.warn("fallbacks", f"{name[:120]!r} is no model of the file")
        return list(dict.fromkeys(name for name in names if name in self._routes))

    def _policy(self) -> dict[str, Any]:
        policy: dict[str, Any] = {"name": POLICY}
        if self._library.take("drop_params") is True:
            policy["untranslatable"] = "drop"
        megabytes = self._general.whole("max_request_size_mb", 1)
        if megabytes:
            policy["caps"] = {"max_body_bytes": megabytes * 2**20}
        ranges = [one for one in map(self._range, self._general.take("allowed_ips") or []) if one]
        if ranges:
            policy["allow"] = {"ip_ranges": ranges}
        limits = list(self._limits())
        if limits:
            policy["limits"] = limits
        return policy

    def _limits(self) -> Iterator[dict[str, Any]]:
        parallel = self._general.whole("global_max_parallel_requests", 1)
        if parallel:
            yield {"name": "parallel", "meter": "concurrency", "limit": parallel}
        amount, span = _amount(self._library.take("max_budget")), self._library.take("budget_duration")
        window = "total" if span is None else _WINDOWS.get(str(span))
        if amount and window:
            yield {"name": "budget", "meter": "cost", "per": window, "limit": amount}
            self._library.warn("max_budget", f"counts by calendar here, per {window}, and from now on")
        elif amount or span:
            self._library.warn("max_budget", "there is no such window here: not carried over")
        user = _amount(self._library.take("max_end_user_budget"))
        if user:
            yield {"name": "end-user", "meter": "cost", "per": "total", "limit": user, "of": "each_end_user"}

    def _range(self, text: Any) -> str | None:
        try:
            return str(ipaddress.ip_network(str(text)))
        except ValueError:
            self._general.warn("allowed_ips", "one of them is no address: not carried over")
            return None

    def _last_words(self) -> None:
        if self._general.take("master_key"):
            self._general.warn("master_key", "keys are issued anew: apply prints the one of project default")
        if self._general.take("database_url"):
            self._general.warn(
                "database_url", "teams, keys, users and their budgets are in that database, not in the file"
            )
        if self._router.take("routing_strategy") not in (None, "simple-shuffle"):
            self._router.warn("routing_strategy", "calls are spread by weight here")
        for settings in (self._library, self._router, self._general):
            settings.leave()


def _credentials(config: Given, made: Draft) -> Iterator[tuple[str, dict[str, str]]]:
    for number, entry in enumerate(config.take("credential_list") or []):
        one = Given(entry, f"credential_list[{number}]", made)
        name, stored = one.take("credential_name"), one.mapping("credential_values")
        found = {field: stored.take(field) for field in ("api_key", "api_base")}
        yield str(name), {field: value for field, value in found.items() if isinstance(value, str)}
        one.take("credential_info")  # words for people
        stored.leave()
        one.leave()


def _provider(given: Given) -> tuple[str, str]:
    """LiteLLM's provider and the model's name there."""
    model, said = str(given.take("model") or ""), given.take("custom_llm_provider")
    before, slash, rest = model.partition("/")
    if said:
        return str(said), rest if before == said else model
    if slash:
        return before, rest
    if _OPENAI.match(model):
        return "openai", model
    return ("anthropic" if model.startswith("claude") else ""), model


def _reference(key: Any) -> str:
    text = str(key)
    return f"env://{text.removeprefix(_ENVIRON)}" if text.startswith(_ENVIRON) else text.replace("://", ":")


def _amount(value: Any) -> str | None:
    try:
        return money.amount(money.nano(str(value))) if value is not None and Decimal(str(value)) > 0 else None
    except (InvalidOperation, ValueError):
        return None


def _per_million(value: Any) -> str | None:
    try:
        return money.amount(
            money.nano((Decimal(str(value)) * _MILLION).quantize(Decimal("1e-9")).normalize())
        )
    except (InvalidOperation, ValueError):
        return None


def _route(
    alias: str, route: _Route, fallbacks: list[str], usual_s: int | None, usual_retries: int | None
) -> dict[str, Any]:
    total_s = route.total_s or usual_s
    retries = usual_retries if route.retries is None else route.retries
    spares = not any(route.targets.values())
    return {
        "alias": alias,
        "targets": [
            {"account": account, "model": model} | ({"weight": weight} if weight != 1 and not spares else {})
            for (account, model), weight in route.targets.items()
        ],
        **({"fallbacks": fallbacks} if fallbacks else {}),
        **({"retries": retries} if retries is not None else {}),
        **({"timeouts": {"total_s": total_s}} if total_s else {}),
        **route.facts,
    }
