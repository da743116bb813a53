"""Anthropic (https://docs.anthropic.com/en/api)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orbit.lib import body as bodies
from proxy.context import Account
from proxy.fields import bad
from proxy.formats.base import Format, Terms
from proxy.formats.chat_options import SIGNATURE, USUAL, Options
from proxy.formats.messages import LEAST_BUDGET, Messages
from proxy.health import Trouble
from proxy.providers.base import Prepared, trouble_of

MARK = SIGNATURE.encode()
VERSION = "2023-06-01"  # of the API, for calls whose client names none


class Anthropic:
    formats: Mapping[str, Format] = {"messages": Messages()}
    dialect = "anthropic"
    id_header = "request-id"

    def check(self, endpoint: str, body: Mapping[str, Any], terms: Terms) -> None:
        if body.get("inference_geo") not in (None, "global"):
            raise bad(
                "inference_geo", "is not accepted: what it costs beside the usual price is not known here"
            )
        thinking = body.get("thinking")
        budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
        if isinstance(budget, int) and budget >= terms.output_cap <= LEAST_BUDGET:
            raise bad(
                "thinking.budget_tokens",
                f"needs room below the most output that this key may have, {terms.output_cap} tokens",
            )

    def trouble(self, status: int, error: Mapping[str, Any]) -> Trouble | None:
        if status == 402 or _spent(error):
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
        if raw is not None and MARK in raw and (unmarked := without_marked(body)) != body:
            body, raw = unmarked, None
            terms.drops("thinking")
        changes = self.formats[endpoint].changes(body, terms)
        return Prepared(
            url=f"{account.base_url}/{endpoint}",
            headers=_headers(account, carried),
            body=bodies.encode({**body, **changes}) if changes or raw is None else raw,
        )

    def counting(
        self, account: Account, body: Mapping[str, Any], carried: Mapping[str, str]
    ) -> Prepared | None:
        sent = bodies.encode({**body})
        if MARK in sent:
            sent = bodies.encode(without_marked(body))
        return Prepared(f"{account.base_url}/messages/count_tokens", _headers(account, carried), sent)

    def listing(self, account: Account) -> Prepared:
        return Prepared(f"{account.base_url}/models?limit=1000", _headers(account, {}), b"")

    def chat_options(self, model: str) -> Options:
        return USUAL  # it speaks none

    def shows_output(self, model: str, body: Mapping[str, Any]) -> bool:
        """Not with thinking, of which only a summary shows."""
        thinking = body.get("thinking")
        kind = thinking.get("type") if isinstance(thinking, dict) else None
        return kind in (None, "disabled") and not body.get("output_config")


def _spent(error: Mapping[str, Any]) -> bool:
    """A limit of the account's own, or a balance that is used up: both come under usual statuses.

    Other messages may quote the client, so only how this one begins counts.
    """
    details, message = error.get("details"), error.get("message")
    if isinstance(details, dict) and details.get("code") == "enforced_spend_limit_reached":
        return True
    return error.get("type") == "billing_error" or (
        isinstance(message, str) and message.startswith("Your credit balance is too low")
    )


def without_marked(body: Mapping[str, Any]) -> dict[str, Any]:
    """Without what another provider's model thought, and a translation of ours wrote down as thinking: its signature
    is our own, and Anthropic would refuse it. It would refuse a message of which nothing is left too."""
    messages: list[Any] = []
    for message in body["messages"]:
        content = message.get("content")
        kept = [block for block in content if not _is_marked(block)] if isinstance(content, list) else content
        if kept or not content:
            messages.append(message if kept == content else {**message, "content": kept})
    return {**body, "messages": messages}


def _is_marked(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") == "thinking" and block.get("signature") == SIGNATURE


def _headers(account: Account, carried: Mapping[str, str]) -> list[tuple[str, str]]:
    found = [
        ("anthropic-version", carried.get("anthropic-version", VERSION)),
        ("content-type", "application/json"),
    ]
    if account.secret is not None:
        found.append(("x-api-key", account.secret.reveal()))
    if "anthropic-beta" in carried:
        found.append(("anthropic-beta", carried["anthropic-beta"]))
    return found
