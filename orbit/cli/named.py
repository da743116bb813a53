"""What people call things by, as a part of the API's path: keys go by PROJECT/NAME as well as by their id."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
    project, name = _within_project(text, "key")
    rows = session.client.rows(f"{_home(session)}/keys", {"project": project, "name": name})
    return _only((row for row in rows if row["name"] == name), text, session)


def _service_account(text: str, session: Session) -> str:
    project, name = _within_project(text, "service account")
    rows = session.client.rows(f"{_home(session)}/service-accounts", {"project": project, "name": name})
    return _only(rows, text, session)


def _management_key(text: str, session: Session) -> str:
    rows = session.client.rows(f"{_home(session)}/management-keys", {"revoked": False})
    return _only((row for row in rows if row["name"] == text), text, session)


def _member(text: str, session: Session) -> str:
    return _only(session.client.rows(f"{_home(session)}/members", {"email": text}), text, session)


def _invitation(text: str, session: Session) -> str:
    rows = session.client.rows(f"{_home(session)}/invitations", {"state": "open"})
    return _only((row for row in rows if row["email"] == text.lower()), text, session)


def _person(text: str, session: Session) -> str:
    return text if text.isdecimal() else _only(session.client.rows("people", {"email": text}), text)


def _within_project(text: str, what: str) -> tuple[str, str]:
    project, slash, name = text.partition("/")
    if not slash:
        raise Failure(f"{text!r} names no {what}", "Write PROJECT/NAME, or its id.")
    return project, name


def _only(rows: Iterable[dict[str, Any]], named: str, session: Session | None = None) -> str:
    row = next(iter(rows), None)
    if row is None:
        where = f" in {session.organization}" if session else ""
        raise Failure(f"there is nothing called {named!r}{where}", code=Exit.NOT_FOUND)
    return str(row["id"])


def _home(session: Session) -> str:
    return f"organizations/{segment(session.organization)}"


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


_FINDERS: dict[str, Callable[[str, Session], str]] = {
    "key": _key,
    "management_key": _management_key,
    "member": _member,
    "invitation": _invitation,
    "service_account": _service_account,
    "person": _person,
}
