"""Runs a command that is a row of the table."""

from __future__ import annotations

from itertools import islice
from typing import Any

from orbit.cli.command import ORGANIZATION, Command
from orbit.cli.named import found
from orbit.cli.session import Session

USUAL = 100  # rows that a list shows
WHOLE = "file"  # the option that is no field, but all of them


def run(command: Command, session: Session, given: dict[str, Any]) -> None:
    path = _path(command, session, given)
    asked = {one.name: given[one.name] for one in command.options if one.name in given}
    if command.asks:
        session.consent(
            command.asks.format(organization=session.organization if command.of_organization else "", **given)
        )
    if command.is_list:
        _list(command, session, path, asked, None if given.get("all") else given.get("limit", USUAL))
        return
    sent: dict[str, Any] = {"query": asked} if command.method == "GET" else {"body": body_of(asked)}
    show(session, session.client.ask(command.method, path, **sent).content, command.said)


def show(session: Session, content: Any, said: str = "done") -> None:
    if session.output.as_json:
        session.output.json(content if content is not None else {})
    elif isinstance(content, dict):
        session.output.facts(content)
    else:
        session.output.note(said)


def body_of(asked: dict[str, Any]) -> dict[str, Any]:
    """Options by name. WHOLE is a file that holds all; options go before it."""
    whole = asked.pop(WHOLE, None)
    return {**(whole if isinstance(whole, dict) else {}), **asked}


def _path(command: Command, session: Session, given: dict[str, Any]) -> str:
    filled = {place: found(place, given[place], session) for place in command.places}
    if command.of_organization:
        filled[ORGANIZATION] = session.organization
    return command.path.format(**filled)


def _list(command: Command, session: Session, path: str, asked: dict[str, Any], most: int | None) -> None:
    rows = session.client.rows(path, asked)
    shown = list(rows if most is None else islice(rows, most))
    if session.output.as_json:
        session.output.json({"data": shown})
        return
    session.output.table(shown, command.columns)
    if most is not None and len(shown) == most and next(rows, None) is not None:
        session.output.note(f"The first {most}; there are more (--limit N, --all).")
