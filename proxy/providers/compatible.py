"""Servers that speak OpenAI's formats: one row of differences each (docs/providers.md says where each is from)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from proxy.context import Account
from proxy.formats.base import Format, Terms
from proxy.formats.chat import Chat
from proxy.formats.chat_options import Options
from proxy.formats.embeddings import Embeddings
from proxy.formats.others import OTHERS
from proxy.providers.base import Prepared
from proxy.providers.openai import OpenAI

CAPS = ("max_completion_tokens", "max_tokens")


@dataclass(frozen=True, slots=True)
class Row:
    """How a server differs. `lacks` are fields of chat completions that it refuses or has no meaning for, and that
    change the answer; `strict` servers refuse what they do not know, so that only `cap_field` may cap the output."""

    cap_field: str = "max_tokens"
    endpoints: tuple[str, ...] = ("chat/completions", "completions", "embeddings")
    renamed: Mapping[str, str] = field(default_factory=dict)
    lacks: frozenset[str] = frozenset()
    strict: bool = False
    user_field: str | None = "user"
    short_ids: bool = False  # ids of tool calls must be nine letters and digits
    asks_usage: bool = True  # whether usage comes in a stream only when it is asked for
    id_header: str = OpenAI.id_header


ROWS: Mapping[str, Row] = {
    "openai_compatible": Row(endpoints=("chat/completions", "embeddings", *OTHERS)),
    "vllm": Row(),
    "ollama": Row(lacks=frozenset({"logit_bias", "n"})),
    "groq": Row(
        "max_completion_tokens",
        ("chat/completions",),
        lacks=frozenset({"logit_bias", "logprobs", "top_logprobs"}),
    ),
    "together": Row(),
    "deepseek": Row(endpoints=("chat/completions",), lacks=frozenset({"logit_bias", "n"})),
    "xai": Row("max_completion_tokens", ("chat/completions",), lacks=frozenset({"logit_bias"})),
    "mistral": Row(
        endpoints=("chat/completions", "embeddings"),
        renamed={"seed": "random_seed"},
        lacks=frozenset({"logit_bias", "logprobs", "top_logprobs", "store", "modalities", "audio"}),
        strict=True,
        user_field=None,
        short_ids=True,
        asks_usage=False,
    ),
    # by the name in that header it tells later what a call cost
    "openrouter": Row(endpoints=("chat/completions", "completions"), id_header="x-generation-id"),
}
# What asks for what happens anyway.
HARMLESS: Mapping[str, Any] = {
    "logit_bias": {},
    "logprobs": False,
    "modalities": ["text"],
    "n": 1,
    "store": False,
    "top_logprobs": 0,
}
# What only describes a call, and is taken from it, and told, where a strict server would stumble over it.
DESCRIPTIONS = ("metadata", "user", "safety_identifier", "prompt_cache_key")


class Compatible(OpenAI):
    def __init__(self, row: Row) -> None:
        self.row = row
        self.id_header = row.id_header
        self.other_cap = next(
            name for name in CAPS if name != row.cap_field
        )  # servers may ignore it in silence
        spoken: dict[str, Format] = {
            "chat/completions": Chat(row.cap_field, row.asks_usage),
            "embeddings": Embeddings(),
            **OTHERS,
        }
        self.formats = {name: spoken[name] for name in row.endpoints if name in spoken}

    def chat_options(self, model: str) -> Options:
        return replace(
            super().chat_options(model), user_field=self.row.user_field, short_ids=self.row.short_ids
        )

    def check(self, endpoint: str, body: Mapping[str, Any], terms: Terms) -> None:
        if endpoint == "chat/completions":
            for name in self.row.lacks.intersection(body):
                if body[name] is not None and body[name] != HARMLESS.get(name):
                    terms.cannot(name, "it has no such field")

    def prepare(
        self,
        account: Account,
        endpoint: str,
        body: Mapping[str, Any],
        raw: bytes | None,
        terms: Terms,
        carried: Mapping[str, str],
    ) -> Prepared:
        row = self.row
        odd = row.strict or row.renamed or self.other_cap in body or not row.lacks.isdisjoint(body)
        if endpoint == "chat/completions" and odd:
            body, raw = self._fitted(body, terms), None
        elif row.strict and not body.keys().isdisjoint(DESCRIPTIONS):
            body, raw = _undescribed(body, terms), None
        return super().prepare(account, endpoint, body, raw, terms, carried)

    def _fitted(self, body: Mapping[str, Any], terms: Terms) -> dict[str, Any]:
        """The body in this server's own names."""
        row = self.row
        sent = {row.renamed.get(name, name): value for name, value in body.items() if name not in row.lacks}
        if row.strict:
            sent.pop("stream_options", None)
            sent = _undescribed(sent, terms)
        for name in CAPS:
            sent.pop(name, None)
        sent[row.cap_field] = terms.output_cap
        return sent


def _undescribed(body: Mapping[str, Any], terms: Terms) -> dict[str, Any]:
    sent = dict(body)
    for name in DESCRIPTIONS:
        if sent.pop(name, None) is not None:
            terms.drops(name)
    return sent
