"""Failed sign-ins are counted per address and per account, by the sign-in package; here is under which name."""

from __future__ import annotations

import unicodedata

from allauth.account.models import EmailAddress
from allauth.core.internal.ratelimit import get_cache_key, get_rates
from django.core.cache import cache
from django.http import HttpRequest

from tenants.models import Person

_APP = "allauth.account"
_ACTION = "login_failed"
_OF_ACCOUNT = "key"


def account_key(login: str) -> str:
    """One for all ways of writing an address, also of one that has no account.

    NFKC and case folding leave the dotless i and the like; going up and down again joins those. The dotted capital
    I falls apart into an i and its dot, which is dropped.
    """
    folded = unicodedata.normalize("NFKC", login.strip()).casefold().upper().casefold().replace("\u0307", "")
    return f"account:{unicodedata.normalize('NFKC', folded)}"


def lift(person: Person) -> None:
    """Lets the person try again at once, passwords and codes. What their address has used up stays."""
    emails = {person.email, *EmailAddress.objects.filter(user=person).values_list("email", flat=True)}
    names = [account_key(email) for email in emails] + [f"mfa-auth-user-{person.pk}"]
    rates = [rate for rate in get_rates(app=_APP, action=_ACTION) if rate.per == _OF_ACCOUNT]
    cache.delete_many(
        get_cache_key(HttpRequest(), app=_APP, action=_ACTION, rate=rate, key=name)
        for rate in rates
        for name in names
    )
