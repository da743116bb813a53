"""OpenAI, and servers that speak its formats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy import body as bodies
from proxy.context import Account
from proxy.formats.base import Format, Terms
from proxy.formats.chat import Chat
from proxy.formats.embeddings import Embeddings
from proxy.health import Trouble
from proxy.providers.base import Prepared, trouble_of

# Models that think out of sight and charge for it; longest known names, without vendor and "ft:".
HIDES_REASONING = ("o1", "o3", "o4", "gpt-5", "codex", "gemini-2.5", "gemini-3", "grok-4", "grok-code")


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
    formats: Mapping[str, Format] = {"chat/completions": Chat(), "embeddings": Embeddings()}
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
        headers = [("content-type", "application/json")]
        if account.secret is not None:
            headers.append(("authorization", f"Bearer {account.secret.reveal()}"))
        return Prepared(
            url=f"{account.base_url}/{endpoint}",
            headers=headers,
            body=bodies.encode({**body, **changes}) if changes or raw is None else raw,
        )

    def counting(
        self, account: Account, body: Mapping[str, Any], carried: Mapping[str, str]
    ) -> Prepared | None:
        return None

    def shows_output(self, model: str, body: Mapping[str, Any]) -> bool:
        """Not with hidden reasoning, sound, or a prediction whose rejected tokens are charged."""
        name = model.lower().rsplit("/", 1)[-1].removeprefix("ft:")
        if name.startswith(HIDES_REASONING) or body.get("reasoning_effort") not in (None, "none"):
            return False
        if any(body.get(field) for field in ("reasoning", "thinking", "prediction", "audio")):
            return False
        modalities = body.get("modalities")
        return not isinstance(modalities, list) or all(one == "text" for one in modalities)


def _names(error: Mapping[str, Any]) -> list[str]:
    return [value for name in ("code", "type") if isinstance(value := error.get(name), str)]
