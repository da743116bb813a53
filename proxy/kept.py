"""What is asked of a provider about a response that it keeps. No call: nothing is reserved, and nothing charged."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from orbit.lib.egress import Egress
from orbit.lib.exchange import Answer
from proxy.context import Account
from proxy.providers import PROVIDERS


def keeps_responses(account: Account) -> bool:
    """Whether responses of this account's servers are its own format, and not translated."""
    return "responses" in PROVIDERS[account.kind].formats


def ask(
    egress: Egress, account: Account, method: str, path: str, body: bytes = b""
) -> AbstractAsyncContextManager[Answer]:
    """`path` comes after `/responses`, checked and encoded."""
    account.credential.begin()
    headers = [("content-type", "application/json")] if body else []
    if account.secret is not None:
        headers.append(("authorization", f"Bearer {account.secret.reveal()}"))
    return egress.open(account.id, method, f"{account.base_url}/responses{path}", headers, body)
