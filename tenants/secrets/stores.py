"""Which store holds an account's credential, what an organization may name there, and reading it."""

from __future__ import annotations

import difflib
from types import TracebackType
from typing import Self
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from orbit.lib.errors import InputError
from tenants.models import Inspector, ProviderAccount
from tenants.secrets import local
from tenants.secrets.aws import SecretsManager
from tenants.secrets.azure import KeyVault
from tenants.secrets.env import Environment
from tenants.secrets.secret import CannotRead, CredentialUnavailable, Gone, Secret
from tenants.secrets.store import Store
from tenants.secrets.vault import Vault

FIELD, USAGE = "credential", "usage_credential"
Holder = ProviderAccount | Inspector  # has a credential for its destination
KINDS: dict[str, type[Store]] = {one.scheme: one for one in (Vault, SecretsManager, KeyVault, Environment)}
_LONGEST = 8_000


class Stores:
    """The stores as one process uses them, each opened when it is first needed."""

    def __init__(self) -> None:
        self._opened: dict[str, Store] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def named(self, ref: str) -> tuple[Store, str]:
        """The store of a reference, and the secret's name there."""
        scheme, separator, name = ref.partition("://")
        if not separator or scheme not in KINDS:
            close = difflib.get_close_matches(scheme, KINDS, n=1)
            forms = ", ".join(kind.form for kind in KINDS.values())
            hint = f"did you mean {close[0]}://?" if close else f"write one of {forms}"
            raise InputError("", "no reference to a secret that we know", hint)
        return self._opened.setdefault(scheme, KINDS[scheme]()), name

    def read(self, ref: str) -> Secret:
        """What the reference names, as it is now. CannotRead when it cannot be had or is no credential."""
        try:
            store, name = self.named(ref)
            return Secret(check_value(store.read(name)))
        except InputError as error:
            raise Gone(f"it {error.message}") from None

    def keep(self) -> None:
        for store in list(self._opened.values()):
            store.keep()

    def close(self) -> None:
        for store in self._opened.values():
            store.close()


def resolve(account: Holder, field: str = FIELD) -> Secret:
    """The account's credential as it is now, read from its store. CredentialUnavailable when it cannot be had.

    `field` is FIELD or USAGE.
    """
    sealed, ref = getattr(account, f"{field}_sealed"), getattr(account, f"{field}_ref")
    if sealed is not None:
        return _opened(account, bytes(sealed), field)
    if not ref:
        raise CredentialUnavailable(account.name, "none is stored")
    with Stores() as stores:
        try:
            return stores.read(ref)
        except CannotRead as error:
            raise CredentialUnavailable(account.name, f"{ref}: {error}") from None


def check_reference(ref: str) -> str:
    """`ref` when it names a secret of a store that is set up, else InputError. Does not read it."""
    with Stores() as stores:
        store, name = stores.named(ref)
        store.check(name)
    return ref


def check_belongs(ref: str, *, slug: str, organization_id: UUID) -> None:
    """InputError for a reference outside of the organization's own part of a store. The operator alone is free of it."""
    prefix = settings.ORBIT_SECRET_PREFIX.format(slug=slug, id=organization_id)
    with Stores() as stores:
        store, name = stores.named(ref)
        stems = store.stems(prefix)
    if not stems:
        raise InputError("", f"{store.scheme}:// is for the operator on the machine", "enter the credential")
    # what follows must begin a name of its own: a hyphen there would be another organization's stem
    if not any(name.startswith(stem) and name[len(stem) : len(stem) + 1].isalnum() for stem in stems):
        raise InputError("", "is not this organization's", f"begin it with {store.scheme}://{stems[0]}")


def check_value(value: str) -> str:
    """`value` when it can travel in a header of HTTP, else InputError, which does not repeat it."""
    if not value or value != value.strip():
        raise InputError("", "is empty or has blanks around it", "paste the credential alone")
    if not value.isascii() or not value.isprintable():
        raise InputError("", "holds characters that no provider's key has", "paste the credential alone")
    if len(value) > _LONGEST:
        raise InputError("", f"is longer than {_LONGEST} characters", "paste the credential alone")
    return value


def place(account: Holder, field: str = FIELD) -> local.Place:
    return local.Place(account.organization_id, account.id, field)


def _opened(account: Holder, sealed: bytes, field: str) -> Secret:
    try:
        return Secret(local.unseal(sealed, place(account, field)))
    except (local.CannotOpen, ImproperlyConfigured) as error:
        raise CredentialUnavailable(account.name, str(error)) from None
