"""OpenAI, and servers that speak its formats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy import body as bodies
from proxy.context import Account
from proxy.formats.base import Format, Terms
from proxy.formats.chat import Chat
from proxy.formats.embeddings import Embeddings
from proxy.providers.base import Prepared

# Models that think out of sight and charge for it; longest known names, without vendor and "ft:".
HIDES_REASONING = ("o1", "o3", "o4", "gpt-5", "codex", "gemini-2.5", "gemini-3", "grok-4", "grok-code")


class OpenAI:
    formats: Mapping[str, Format] = {"chat/completions": Chat(), "embeddings": Embeddings()}

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
        assert account.secret is not None
        return Prepared(
            url=f"{account.base_url}/{endpoint}",
            headers=[
                ("authorization", f"Bearer {account.secret.reveal()}"),
                ("content-type", "application/json"),
                ("accept-encoding", "identity"),
            ],
            body=bodies.encode({**body, **changes}) if changes or raw is None else raw,
        )

    def shows_output(self, model: str, body: Mapping[str, Any]) -> bool:
        """Not with hidden reasoning, sound, or a prediction whose rejected tokens are charged."""
        name = model.lower().rsplit("/", 1)[-1].removeprefix("ft:")
        if name.startswith(HIDES_REASONING) or body.get("reasoning_effort") not in (None, "none"):
            return False
        if any(body.get(field) for field in ("reasoning", "thinking", "prediction", "audio")):
            return False
        modalities = body.get("modalities")
        return not isinstance(modalities, list) or all(one == "text" for one in modalities)


class OpenAICompatible(OpenAI):
    formats: Mapping[str, Format] = {"chat/completions": Chat("max_tokens"), "embeddings": Embeddings()}
