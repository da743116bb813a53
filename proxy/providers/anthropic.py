"""Anthropic (https://docs.anthropic.com/en/api)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy import body as bodies
from proxy.context import Account
from proxy.formats.base import Format, Terms
from proxy.formats.messages import Messages
from proxy.health import Trouble
from proxy.providers.base import Prepared, trouble_of

VERSION = "2023-06-01"  # of the API, for calls whose client names none


class Anthropic:
    formats: Mapping[str, Format] = {"messages": Messages()}
    dialect = "anthropic"
    id_header = "request-id"

    def check(self, endpoint: str, body: Mapping[str, Any], terms: Terms) -> None:
        """Takes all that its formats have."""

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
        changes = self.formats[endpoint].changes(body, terms)
        return Prepared(
            url=f"{account.base_url}/{endpoint}",
            headers=_headers(account, carried),
            body=bodies.encode({**body, **changes}) if changes or raw is None else raw,
        )

    def counting(
        self, account: Account, body: Mapping[str, Any], carried: Mapping[str, str]
    ) -> Prepared | None:
        return Prepared(
            f"{account.base_url}/messages/count_tokens", _headers(account, carried), bodies.encode({**body})
        )

    def shows_output(self, model: str, body: Mapping[str, Any]) -> bool:
        """Not with thinking, of which only a summary shows."""
        thinking = body.get("thinking")
        kind = thinking.get("type") if isinstance(thinking, dict) else None
        return kind in (None, "disabled") and not body.get("output_config")


def _spent(error: Mapping[str, Any]) -> bool:
    """A limit of the account's own, or a balance that is used up: both come under usual statuses."""
    details, message = error.get("details"), error.get("message")
    if isinstance(details, dict) and details.get("code") == "enforced_spend_limit_reached":
        return True
    return error.get("type") == "billing_error" or (
        isinstance(message, str) and "credit balance is too low" in message
    )


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
