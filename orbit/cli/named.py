"""What people call things by, as a part of the API's path: keys go by PROJECT/NAME as well as by their id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from orbit.cli.client import segment
from orbit.cli.failures import Exit, Failure
from orbit.cli.session import Session


def found(place: str, text: str, session: Session) -> str:
    """The path's part for what was named. Failure when there is none by this name."""
    find = _FINDERS.get(place)
    if find is None or _is_id(text):
        return segment(text)
    return segment(find(text, session))


def _key(text: str, session: Session) -> str:
    project, slash, name = text.partition("/")
    if not slash:
        raise Failure(f"{text!r} names no key", "Write PROJECT/NAME, or its id.")
    rows = session.client.rows(f"{_home(session)}/keys", {"project": project, "name": name})
    return _only((row["id"] for row in rows if row["name"] == name), f"key {text!r}", session)


def _by(path: str, *fields: str) -> Callable[[str, Session], str]:
    """By what stands in one of the fields, in the whole list at the path."""

    def find(text: str, session: Session) -> str:
        rows = session.client.rows(f"{_home(session)}/{path}", {})
        matching = (row for row in rows if text in [row.get(one) for one in fields] and _stands(row))
        return _only((row["id"] for row in matching), repr(text), session)

    return find


def _stands(row: dict[str, Any]) -> bool:
    return not row.get("revoked_at")


def _only(ids: Any, what: str, session: Session) -> str:
    one = next(iter(ids), None)
    if one is None:
        raise Failure(f"there is no {what} in {session.organization}", code=Exit.NOT_FOUND)
    return str(one)


def _home(session: Session) -> str:
    return f"organizations/{segment(session.organization)}"


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


_FINDERS: dict[str, Callable[[str, Session], str]] = {
    "key": _key,
    "management_key": _by("management-keys", "name"),
}
