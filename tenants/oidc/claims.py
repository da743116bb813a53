"""What a provider says of a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from tenants.oidc.http import Rejected

MOST_GROUPS = 2_000


@dataclass(frozen=True, slots=True)
class Claims:
    """`email_verified` is None where the provider says nothing about it, `groups` where it names none at all."""

    subject: str
    email: str
    email_verified: bool | None
    name: str
    groups: tuple[str, ...] | None
    hosted: str = ""  # Google's `hd`: the Workspace domain of the account


def merged(id_token: Mapping[str, Any], userinfo: Mapping[str, Any]) -> dict[str, Any]:
    """Of one person: the caller has compared the subjects. What userinfo says is newer."""
    return {**id_token, **userinfo}


def read_claims(said: Mapping[str, Any], groups_claim: str) -> Claims:
    """Rejected when it names nobody. Whatever else is not as it should be is not there."""
    subject = said.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 191 or not subject.isprintable():
        raise Rejected("it does not say who it is")
    return Claims(
        subject=subject,
        email=_address(said.get("email")),
        email_verified=_flag(said.get("email_verified")),
        name="".join(one for one in _text(said.get("name")) if one.isprintable()).strip()[:120],
        groups=_groups(_found(said, groups_claim)),
        hosted=_text(said.get("hd")).strip().lower(),
    )


def _found(said: Mapping[str, Any], name: str) -> Any:
    """The claim of this name; else, as Keycloak nests them, the one that its dots lead to."""
    if name in said:
        return said[name]
    found: Any = said
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found


def _groups(value: Any) -> tuple[str, ...] | None:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list):
        return tuple(one for one in value[:MOST_GROUPS] if isinstance(one, str))
    return None


def _flag(value: Any) -> bool | None:
    """Some write it as text. What is neither yes nor no is a no."""
    if value is None:
        return None
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _address(value: Any) -> str:
    text = _text(value).strip().lower()
    try:
        validate_email(text)
    except ValidationError:
        return ""
    return text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
