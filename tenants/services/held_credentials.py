"""Credentials of a row that has a destination: given as a value to seal or a reference, kept, voided, shown."""

from __future__ import annotations

from dataclasses import dataclass, field

from orbit.lib.errors import InputError
from tenants.models import Organization
from tenants.secrets import (
    CredentialUnavailable,
    Secret,
    check_belongs,
    check_reference,
    check_value,
    local,
    resolve,
    stores,
)
from tenants.secrets.stores import Holder
from tenants.services.saved import valid

_SHOWN_AS = "(sealed)"


@dataclass(frozen=True, slots=True)
class NewCredential:
    """Either the secret itself, to be sealed, or a reference to it."""

    value: str = field(default="", repr=False)
    ref: str = ""


def check_credential(field: str, credential: NewCredential | None) -> None:
    if credential is None:
        return
    if bool(credential.value) == bool(credential.ref):
        raise InputError(field, "must be either a value or a reference")
    if credential.ref:
        valid(f"{field}.ref", check_reference, credential.ref)
    else:
        valid(f"{field}.value", check_value, credential.value)


def check_credential_belongs(field: str, ref: str, organization: Organization) -> None:
    valid(
        f"{field}.ref",
        lambda text: check_belongs(text, slug=organization.slug, organization_id=organization.id),
        ref,
    )


def renew_credential(row: Holder, field: str, credential: NewCredential | None, *, void: bool) -> bool:
    """Whether the stored credential became another one. The new one is set on the row, not yet saved."""
    old = (getattr(row, f"{field}_sealed"), getattr(row, f"{field}_ref"))
    if credential is None:
        if void:
            _set(row, field, None, "", "")
        return void and old != (None, "")
    if credential.ref:
        _set(row, field, None, credential.ref, "")
        return old != (None, credential.ref)
    if not old[1] and _opened(row, field) == Secret(credential.value):
        return False
    _set(
        row,
        field,
        local.seal(credential.value, stores.place(row, field)),
        "",
        _hint(credential.value),
    )
    return True


def _set(row: Holder, field: str, sealed: bytes | None, ref: str, hint: str) -> None:
    for name, value in (("sealed", sealed), ("ref", ref), ("hint", hint)):
        setattr(row, f"{field}_{name}", value)


def _opened(row: Holder, field: str) -> Secret | None:
    try:
        return resolve(row, field)
    except CredentialUnavailable:
        return None


def _hint(value: str) -> str:
    """The last four characters of what is long enough not to be given away by them."""
    return f"…{value[-4:]}" if len(value) >= 16 else "…"


def credential_shown(row: Holder, field: str) -> str | None:
    """What an act may say of it."""
    sealed = getattr(row, f"{field}_sealed")
    ref: str = getattr(row, f"{field}_ref")
    return ref or (_SHOWN_AS if sealed is not None else None)
