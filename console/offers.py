"""The models that a provider account offers, asked of the provider, and remembered while somebody chooses among them."""

from __future__ import annotations

from django.http import HttpRequest

from orbit.lib.errors import InputError
from proxy.offered import offered
from tenants import kinds
from tenants.models import ProviderAccount
from tenants.secrets import CredentialUnavailable, resolve

# Of what a provider offers, what most people begin with; where it offers none of these, its first few.
FAVOURITES = (
    "gpt-5", "gpt-5-mini", "gpt-4o", "gpt-4o-mini", "claude-sonnet-4-6", "claude-haiku-4-5",
    "mistral-large-latest", "deepseek-chat", "llama-3.3-70b-versatile",
)  # fmt: skip
FIRST = 3
SHOWN = 200  # models to choose from by ticking; others are typed


def offered_by(account: ProviderAccount) -> tuple[str, ...]:
    """By an account that is stored, with its credential. InputError says in words why there are none."""
    try:
        secret = resolve(account)
    except CredentialUnavailable as error:
        raise InputError("credential", error.reason) from None
    return offered(kind=account.kind, base_url=account.base_url, secret=secret.reveal() if secret else "")


def suggested(offers: list[str]) -> list[str]:
    return [one for one in offers if one in FAVOURITES] or offers[:FIRST]


def remember(request: HttpRequest, account: str, names: tuple[str, ...]) -> None:
    request.session["offered"] = {account: list(names[:SHOWN])}


def remembered(request: HttpRequest, account: ProviderAccount | None) -> list[str]:
    """What the account was found to offer, in this session, if it was the latest that was asked."""
    found: dict[str, list[str]] = request.session.get("offered", {})
    names = found.get(account.name, []) if account else []
    return sorted(names, key=lambda one: (one not in FAVOURITES, one))


def prices_as(kind: str) -> str:
    """Servers of one's own have no list of prices: theirs are under the kind's own name, until somebody sets them."""
    facts = kinds.BY_NAME.get(kind)
    return (facts.prices_as if facts else None) or "openai"
