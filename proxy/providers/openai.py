"""OpenAI, and servers that speak its formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orbit.lib import body as bodies
from proxy.context import Account
from proxy.formats.base import Format, Terms
from proxy.formats.chat import Chat
from proxy.formats.chat_options import USUAL, Options
from proxy.formats.embeddings import Embeddings
from proxy.formats.others import OTHERS
from proxy.formats.responses import Responses
from proxy.health import Trouble
from proxy.providers.base import Prepared, trouble_of

# Models that think out of sight and charge for it; longest known names, without vendor and "ft:".
HIDES_REASONING = ("o1", "o3", "o4", "gpt-5", "codex", "gemini-2.5", "gemini-3", "grok-4", "grok-code")
SHOWS_REASONING = ("gpt-oss", "deepseek-r", "magistral", "qwen3", "qwq")  # these think aloud
NO_EFFORTS = frozenset[str]()
# What an error says when the account has no money, or has used up what its owner allows.
NO_MONEY = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_usage_limit_exceeded",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "billing_hard_limit_reached",
    }
)


class OpenAI:
    formats: Mapping[str, Format] = {
        "chat/completions": Chat(),
        "embeddings": Embeddings(),
        "responses": Responses(),
        **OTHERS,
    }
    dialect = "openai"
    id_header = "x-request-id"

    def check(self, endpoint: str, body: Mapping[str, Any], terms: Terms) -> None:
        """Takes all that its formats have."""

    def trouble(self, status: int, error: Mapping[str, Any]) -> Trouble | None:
        if status == 402 or (status in (403, 429) and not NO_MONEY.isdisjoint(_names(error))):
            return Trouble.NO_MONEY
        return trouble_of(status)

    def prepare(
        self,
        account: Account,
        endpoint: str,
        body: Mapping[str, Any],
        raw: bytes | None,
        terms: Terms,
        carried: Mapping[str, str],
    ) -> Prepared:
        changes = self.formats[endpoint].changes(body, terms)
        return Prepared(
            url=f"{account.base_url}/{endpoint}",
            headers=_headers(account),
            body=bodies.encode({**body, **changes}) if changes or raw is None else raw,
        )

    def counting(
        self, account: Account, body: Mapping[str, Any], carried: Mapping[str, str]
    ) -> Prepared | None:
        return None

    def listing(self, account: Account) -> Prepared:
        return Prepared(f"{account.base_url}/models", _headers(account), b"")

    def chat_options(self, model: str) -> Options:
        return USUAL if reasons(model) else replace(USUAL, efforts=NO_EFFORTS)

    def shows_output(self, model: str, body: Mapping[str, Any]) -> bool:
        """Not with hidden reasoning, sound, or a prediction whose rejected tokens are charged."""
        if _plain(model).startswith(HIDES_REASONING) or body.get("reasoning_effort") not in (None, "none"):
            return False
        if any(body.get(field) for field in ("reasoning", "thinking", "prediction", "audio")):
            return False
        modalities = body.get("modalities")
        return not isinstance(modalities, list) or all(one == "text" for one in modalities)


def _headers(account: Account) -> list[tuple[str, str]]:
    headers = [("content-type", "application/json")]
    if account.secret is not None:
        headers.append(("authorization", f"Bearer {account.secret.reveal()}"))
    return headers


def reasons(model: str) -> bool:
    """Whether a model takes an effort of reasoning, as far as its name tells."""
    return _plain(model).startswith((*HIDES_REASONING, *SHOWS_REASONING))


def _plain(model: str) -> str:
    return model.lower().rsplit("/", 1)[-1].removeprefix("ft:")


def _names(error: Mapping[str, Any]) -> list[str]:
    return [value for name in ("code", "type") if isinstance(value := error.get(name), str)]
