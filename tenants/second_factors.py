"""Secrets of second factors, sealed: who copies the database cannot make anybody's codes.

The sign-in package gives the text alone, not whose it is, so these are bound to no row.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.db import transaction

from tenants.secrets import local

_SEALED = "sealed:"
_PLACE = local.Place(UUID(int=0), UUID(int=0), "second_factor")
_SECRETS = ("secret", "seed")  # of an app that makes codes, and of recovery codes
_OLDER_CODES = "migrated_codes"


def seal(text: str) -> str:
    return _written(local.seal(text, _PLACE))


def unseal(text: str) -> str:
    """What older versions kept is plain, and is given back as it is. CannotOpen without the master key."""
    return local.unseal(_bytes(text), _PLACE) if text.startswith(_SEALED) else text


def rewrap() -> tuple[int, list[str]]:
    """Seals all anew under the newest master key, also what was plain: how many people's, and whose do not open."""
    count, damaged = 0, []
    with transaction.atomic(using="default"):
        for row in (
            Authenticator.objects.select_for_update(of=("self",)).select_related("user").order_by("pk")
        ):
            try:
                data = _rewrapped(row.data)
            except local.CannotOpen:
                damaged.append(row.user.email)
                continue
            if data != row.data:
                row.data = data
                row.save(update_fields=["data"])
                count += 1
    return count, damaged


def _rewrapped(data: dict[str, Any]) -> dict[str, Any]:
    made = {name: _fresh(value) if name in _SECRETS else value for name, value in data.items()}
    if _OLDER_CODES in data:
        made[_OLDER_CODES] = [_fresh(code) for code in data[_OLDER_CODES]]
    return made


def _fresh(text: str) -> str:
    return _written(local.rewrap(_bytes(text), _PLACE)) if text.startswith(_SEALED) else seal(text)


def _written(sealed: bytes) -> str:
    return _SEALED + base64.b64encode(sealed).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text.removeprefix(_SEALED), validate=True)
    except binascii.Error:
        raise local.CannotOpen("no sealed text of ours") from None
