"""Usage, limits, calls and events."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from orbit.cli import values
from orbit.cli.client import PAGE, segment
from orbit.cli.command import AnyCommand, Command, Option, Special
from orbit.cli.failures import Exit, Failure
from orbit.cli.output import shown
from orbit.cli.session import Session

_HOME = "organizations/{organization}"
SINCE = Option("since", "from then on, such as 30d or a moment", values.ago)
UNTIL = Option("until", "before then", values.ago)
POLL_S = 2.0
USUAL = 20  # events
_FIGURES = ("requests", "refused", "input_tokens", "output_tokens", "cost", "estimated_requests")
_LIMITS = ("level", "object", "name", "meter", "per", "limit", "spent", "held", "free")
_THEN = ("level", "object", "name", "meter", "per", "limit_value", "spent", "held", "free", "need")
_NOW = ("decision", "code", "message", "refused_by", "retry_at")
_CALL_FILTERS = (
    Option("project", "only of this one"),
    Option("key", "only of this one; PROJECT/NAME or its id"),
    Option("model", "only of this one"),
    Option("account", "only of this one"),
)


def usage(session: Session, given: dict[str, Any]) -> None:
    content = session.client.ask("GET", f"{_home(session)}/usage", query=given).content
    if session.output.as_json:
        session.output.json(content)
        return
    by = given.get("by", [])
    session.output.note(
        f"{content['organization']}, {content['since']} to {content['until']}, in {content['currency']}; "
        f"complete until {content['complete_until']}"
    )
    rows = content["rows"] if by else []
    session.output.table([*rows, {**dict.fromkeys(by), **content["totals"]}], (*by, *_FIGURES))


def explain(session: Session, given: dict[str, Any]) -> None:
    content = session.client.ask("POST", f"{_home(session)}/limits/explain", body=given).content
    if session.output.as_json:
        session.output.json(content)
        return
    session.output.facts({name: content[name] for name in _NOW})
    session.output.table(content["limits"], _LIMITS)


def why(session: Session, given: dict[str, Any]) -> None:
    content = session.client.ask("GET", f"{_home(session)}/why", query=given).content
    if session.output.as_json:
        session.output.json(content)
        return
    if content["request"] is not None:
        told = content["request"]
        session.output.facts(
            {name: value for name, value in told.items() if value is not None and name != "limit"}
        )
        if told["limit"]:
            session.output.table([{**told["limit"], "name": told["limit"]["limit"]}], _THEN)
        return
    told = content["now"]
    session.output.facts({name: told[name] for name in _NOW})
    session.output.table(told["limits"], _LIMITS)


def events(session: Session, given: dict[str, Any]) -> None:
    follow, most = given.pop("follow", False), given.pop("most", USUAL)
    path = f"{_home(session)}/events"
    # first, so that what is taken in meanwhile is in the list or comes after it
    place = _place(session, path, given) if follow else None
    newest = list(islice(session.client.rows(path, given), most))
    for event in reversed(newest):
        _tell(session, event)
    if follow:
        for event in _coming(session, path, given, place, newest[0]["seq"] if newest else 0):
            _tell(session, event)


def _place(session: Session, path: str, asked: dict[str, Any]) -> str | None:
    """Where the sequence ends now. A cursor is a place in it, whichever way it is read; None: it has yet to begin."""
    place: str | None = session.client.ask("GET", path, query={**asked, "limit": 1}).content["next_cursor"]
    return place


def _coming(
    session: Session, path: str, asked: dict[str, Any], place: str | None, last: int
) -> Iterator[dict[str, Any]]:
    """What the ledger takes in after a place and after `last`, without end."""
    away = False
    while True:
        query = {**asked, "order": "oldest", "limit": PAGE, **({"cursor": place} if place else {})}
        try:
            page = session.client.ask("GET", path, query=query).content
        except Failure as error:
            if error.code != Exit.UNREACHABLE:
                raise
            if not away:
                session.output.note(f"{error.message}; going on when the gateway is back.")
            away = True
            time.sleep(POLL_S)
            continue
        if away:
            session.output.note("The gateway is back; nothing is left out.")
        away = False
        for event in page["data"]:
            if event["seq"] > last:
                last = event["seq"]
                yield event
        place = page["next_cursor"] or place
        if not page["next_cursor"]:
            time.sleep(POLL_S)


def _tell(session: Session, event: dict[str, Any]) -> None:
    """One line for each: of JSON for programs."""
    if session.output.as_json:
        session.output.json(event)
        return
    names = (
        "seq",
        "admitted_at",
        "kind",
        "project",
        "key",
        "model",
        "status",
        "code",
        "cost_nano",
        "actor",
        "action",
        "target",
    )
    session.output.line("  ".join(shown(event[name], name) for name in names if event.get(name) is not None))


def _home(session: Session) -> str:
    return f"organizations/{segment(session.organization)}"


COMMANDS: tuple[AnyCommand, ...] = (
    Special(
        "usage", "requests, tokens and cost", usage, (),
        (
            Option("by", "a comma list of project, key, model, account, day", values.words),
            Option("since", "left out: the beginning of this month", values.ago), UNTIL, *_CALL_FILTERS,
        ),
        of_organization=True,
    ),
    Command(
        "limits list", "spent, held and free of every limit", "GET", _HOME + "/limits",
        (
            Option("level", "only those on the organization, a project or a key"),
            Option("project", "only on it and on its keys"),
            Option("key", "only on it; PROJECT/NAME or its id"),
        ),
        _LIMITS,
    ),
    Special(
        "limits explain", "what a request would meet now", explain, (),
        (
            Option("key", "whose; PROJECT/NAME or its id", required=True),
            Option("model", "which it asks for", required=True),
            Option("endpoint", "left out: chat/completions"),
            Option("input_tokens", "left out: none", values.whole),
            Option("max_output_tokens", "left out: what would be reserved", values.whole),
            Option("end_user", "whom it names"),
        ),
        of_organization=True,
    ),
    Special(
        "why", "why a request was refused, or what one would meet now", why, ("request_id?",),
        (
            Option("key", "in place of a request id: whose; PROJECT/NAME or its id"),
            Option("model", "and which it would ask for"),
            Option("end_user", "and whom it would name"),
        ),
        of_organization=True,
    ),
    Command(
        "calls list", "calls, the newest first", "GET", _HOME + "/calls",
        (
            SINCE, UNTIL, *_CALL_FILTERS,
            Option("status", "settled, provider_failed, client_gone or lease_expired"),
            Option("code", "only those that ended with this one"),
            Option("end_user", "only of this one"),
            Option("request_id", "the x-orbit-request-id of an answer"),
        ),
        ("admitted_at", "project", "key", "model", "status", "code", "input_tokens", "output_tokens", "cost", "event_id"),
    ),
    Command("calls show", "one of them in full", "GET", _HOME + "/calls/{call}"),
    Command(
        "contents show", "what a call said, where that is stored; stands in the ledger", "GET",
        _HOME + "/calls/{call}/content",
    ),
    Command(
        "contents erase", "erase what is stored of an end user, a key or a call", "POST", _HOME + "/contents/erase",
        (
            Option("end_user", "whose calls"),
            Option("key", "of a key, by its id"),
            Option("call", "of one call, by its id"),
            Option("reason", "why; stands in the ledger", required=True),
        ),
        asks="Erase what is stored, for good?",
    ),
    Command(
        "contents destroy", "destroy the data keys: nothing stored can be read any more", "POST",
        _HOME + "/contents/destroy",
        (
            Option("confirm", "the organization's slug", required=True),
            Option("reason", "why; stands in the ledger", required=True),
        ),
        asks="Destroy the data keys of {organization}, and all that is stored with them, for good?",
    ),
    Special(
        "events", "what happened, the newest last", events, (),
        (
            SINCE, UNTIL,
            Option("kind", "call, correction, adjustment, refusal or act"),
            Option("actor", "of acts: who"),
            Option("action", "of acts: what, such as key.issue"),
            Option("target", "of acts: how the name of what begins, such as chatbot/"),
            Option("request_id", "of one call and its corrections"),
            Option("most", f"how many; left out: {USUAL}", values.whole),
            Option("follow", "and go on with what comes, until it is stopped", switch=True),
        ),
        of_organization=True,
    ),
)  # fmt: skip
