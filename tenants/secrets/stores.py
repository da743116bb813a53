"""Which store holds an account's credential, and reading it from there."""

from __future__ import annotations

import difflib

from django.core.exceptions import ImproperlyConfigured

from orbit.lib.errors import InputError
from tenants.models import ProviderAccount
from tenants.secrets import env, local
from tenants.secrets.secret import CredentialUnavailable, Secret

FIELD = "credential"
NOT_YET = ("vault", "aws-sm", "azure-kv")
_LONGEST = 8_000


def resolve(account: ProviderAccount) -> Secret:
    """The account's credential as it is now. CredentialUnavailable when it cannot be had."""
    if account.credential_sealed is not None:
        return _opened(account, bytes(account.credential_sealed))
    if account.credential_ref:
        return _referenced(account)
    raise CredentialUnavailable(account.name, "none is stored")


def check_reference(ref: str) -> str:
    """`ref` when it names a secret that we could read, else InputError. Does not read it."""
    scheme, separator, name = ref.partition("://")
    if separator and scheme in NOT_YET:
        raise InputError("", "not supported yet", f"use env://NAME or {{value: …}} instead of {scheme}://")
    if not separator or scheme != env.SCHEME:
        close = difflib.get_close_matches(scheme, [env.SCHEME, *NOT_YET], n=1)
        hint = f"did you mean {close[0]}://?" if close else "write env://NAME"
        raise InputError("", "no reference to a secret that we know", hint)
    env.check(name)
    return ref


def check_value(value: str) -> str:
    """`value` when it can travel in a header of HTTP, else InputError, which does not repeat it."""
    if not value or value != value.strip():
        raise InputError("", "is empty or has blanks around it", "paste the credential alone")
    if not value.isascii() or not value.isprintable():
        raise InputError("", "holds characters that no provider's key has", "paste the credential alone")
    if len(value) > _LONGEST:
        raise InputError("", f"is longer than {_LONGEST} characters", "paste the credential alone")
    return value


def place(account: ProviderAccount) -> local.Place:
    return local.Place(account.organization_id, account.id, FIELD)


def _opened(account: ProviderAccount, sealed: bytes) -> Secret:
    try:
        return Secret(local.unseal(sealed, place(account)))
    except (local.CannotOpen, ImproperlyConfigured) as error:
        raise CredentialUnavailable(account.name, str(error)) from None


def _referenced(account: ProviderAccount) -> Secret:
    try:
        check_reference(account.credential_ref)
        value = env.read(account.credential_ref.partition("://")[2])
        if value is None:
            raise CredentialUnavailable(
                account.name, f"{account.credential_ref} is not set where the gateway runs"
            )
        return Secret(check_value(value))
    except InputError as error:
        raise CredentialUnavailable(account.name, f"{account.credential_ref} {error.message}") from None
