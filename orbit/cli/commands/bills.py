"""What providers billed, beside the ledger; and contract prices by two people."""

from __future__ import annotations

import time
from typing import Any

from orbit.cli import rows, values
from orbit.cli.client import segment
from orbit.cli.command import AnyCommand, Command, Option, Special
from orbit.cli.commands.policies import FILE
from orbit.cli.failures import Exit, Failure
from orbit.cli.session import Session

_HOME = "organizations/{organization}/reconciliation"
_EXCEPTIONS = _HOME + "/exceptions"
_EXCEPTION = _EXCEPTIONS + "/{exception}"
_PROPOSALS = "organizations/{organization}/price-proposals"
POLL_S = 1.0
ACCOUNT = Option("account", "only of this provider account")
SINCE = Option("since", "the first day (UTC), or a span such as 30d", values.day_ago)
UNTIL = Option("until", "the day after the last; left out: today", values.day_ago)
REASON = Option("reason", "why; stands in the ledger")
WHY = Option("reason", "why; stands in the ledger", required=True)
WAIT = Option("wait", "until it is done", switch=True)
_DAYS = ("day", "final", "ours_tokens", "theirs_tokens", "ours_nano", "theirs_nano", "drift_nano")


def coverage(session: Session, given: dict[str, Any]) -> None:
    content = session.client.ask("GET", f"{_home(session)}/coverage", query=given).content
    if session.output.as_json:
        session.output.json(content)
        return
    days, causes = content.pop("days"), content.pop("causes")
    session.output.facts(content)
    for found, columns in ((causes, ("cause", "count", "tokens", "money_nano")), (days, _DAYS)):
        if found:
            session.output.line()
            session.output.table(found, columns)


def run(session: Session, given: dict[str, Any]) -> None:
    wait = given.pop("wait", False)
    _started(session, session.client.ask("POST", f"{_home(session)}/runs", body=given).content, wait=wait)


def bring_in(session: Session, given: dict[str, Any]) -> None:
    wait = given.pop("wait", False)
    body = {"account": given["account"], "csv": given["csv"], "mapping": given["mapping"]}
    _started(session, session.client.ask("POST", f"{_home(session)}/imports", body=body).content, wait=wait)


def _started(session: Session, found: dict[str, Any], *, wait: bool) -> None:
    """Tells of the run, once it is over if that is waited for. Failure where it failed."""
    while wait and found["state"] in ("waiting", "running"):
        time.sleep(POLL_S)
        found = session.client.ask("GET", f"{_home(session)}/runs/{segment(found['id'])}").content
    if found["state"] == "failed":
        raise Failure(f"the run failed: {found['problem']}", code=Exit.FAILED)
    rows.show(session, found)


def _home(session: Session) -> str:
    return _HOME.format(organization=segment(session.organization))


_PRICE = (
    Option(rows.WHOLE, "the price in YAML or JSON", values.document, flags=FILE, metavar="FILE"),
    Option("provider", "whose prices it replaces"),
    Option("model", "by its provider's name; may end in *"),
    Option("account", "only for calls of this account"),
    Option("discount_percent", "off the book's; negative: on top"),
    Option("free", "it costs nothing", switch=True),
)

_CALLS = (
    Option("range", "which calls, such as last-month (left out) or 7d"),
    Option("first", "in place of a range: the first day"),
    Option("last", "the last day, itself included"),
)
_OF = (
    Option("account", "only calls of this provider account"),
    Option("model", "only this one, by its provider's name"),
)

COMMANDS: tuple[AnyCommand, ...] = (
    Command(
        "contracts preview", "what a price would have made of past calls; nothing is changed", "POST",
        "organizations/{organization}/contract-prices/preview",
        (*_PRICE, *_CALLS),
    ),
    Command(
        "repricing preview", "what prices as they stand now would have made of past calls; nothing is changed", "POST",
        "organizations/{organization}/repricing/preview", (*_CALLS, *_OF),
    ),
    Command(
        "repricing post", "post to the ledger what `repricing preview` tells, an adjustment for each call", "POST",
        "organizations/{organization}/repricing",
        (*_CALLS, *_OF, WHY, Option("difference_nano", "as the preview told it: another one is not posted", values.whole)),
        asks="Post the difference to the ledger of {organization}?",
    ),
    Command(
        "proposals list", "prices that were proposed, the newest first", "GET", _PROPOSALS,
        (Option("state", "open, approved or refused"),),
        ("id", "state", "provider", "model", "account", "rates", "discount_percent", "author", "decided_by"),
    ),
    Command("proposals show", "one of them", "GET", _PROPOSALS + "/{proposal}"),
    Command(
        "proposals make", "propose a price, which somebody else must approve", "POST", _PROPOSALS,
        (*_PRICE, Option("source", "where it is agreed")),
    ),
    Command("proposals approve", "put it in force; not by who proposed it", "POST", _PROPOSALS + "/{proposal}/approve", (REASON,)),
    Command("proposals refuse", "say no, or take one's own back", "POST", _PROPOSALS + "/{proposal}/refuse", (WHY,)),
    Special(
        "reconciliation coverage", "how much of what was spent was compared, and how exactly", coverage, (),
        (ACCOUNT, SINCE, UNTIL), of_organization=True,
    ),
    Special(
        "reconciliation run", "compare an account with what its provider billed", run, (),
        (Option("account", "which provider account", required=True), SINCE, UNTIL, WAIT), of_organization=True,
    ),
    Command(
        "reconciliation runs", "what was compared and is being compared, the newest first", "GET", _HOME + "/runs",
        (ACCOUNT, Option("state", "waiting, running, done or failed")),
        ("id", "account", "connector", "since", "until", "state", "percent", "problem"),
    ),
    Command("reconciliation run-show", "one run, with how far it is", "GET", _HOME + "/runs/{run}"),
    Special(
        "reconciliation import", "a bill as a CSV file, of a provider that cannot be asked", bring_in, (),
        (
            Option("account", "whose bill it is", required=True),
            Option("csv", "the file; - reads standard input", values.content_of, required=True, metavar="FILE"),
            Option("mapping", "which of its columns is what, in YAML or JSON", values.document, required=True, metavar="FILE"),
            WAIT,
        ),
        of_organization=True,
    ),
    Command(
        "reconciliation comparisons", "both sides by day and model, the newest first", "GET", _HOME + "/comparisons",
        (ACCOUNT, SINCE, UNTIL, Option("model", "only of this one")),
        ("account", "day", "model", "final", "ours_tokens", "theirs_tokens", "ours_nano", "theirs_nano"),
    ),
    Command(
        "reconciliation exceptions", "differences that somebody has to settle, the newest first", "GET", _EXCEPTIONS,
        (
            ACCOUNT,
            Option("state", "open, proposed, approved, rejected or closed"),
            Option("cause", "such as price or outside"),
            Option("owner", "a member's address"),
        ),
        ("id", "day", "account", "model", "cause", "amount", "currency", "state", "owner"),
    ),
    Command("reconciliation show", "one exception in full: evidence, and what would be posted", "GET", _EXCEPTION),
    Command(
        "reconciliation assign", "say whose an exception is", "PATCH", _EXCEPTION,
        (Option("owner", "a member's address; '': nobody's", required=True),),
    ),
    Command(
        "reconciliation approve", "post an exception's adjustments to the ledger", "POST", _EXCEPTION + "/approve",
        (Option("changed_at", "as `reconciliation show` tells it: what was looked at is what is approved", required=True), REASON),
        asks="Post the adjustments of the exception {exception} to the ledger of {organization}?",
    ),
    Command("reconciliation reject", "leave the ledger as it is", "POST", _EXCEPTION + "/reject", (WHY,)),
    Command("reconciliation close", "of one that proposes nothing: it was looked into", "POST", _EXCEPTION + "/close", (WHY,)),
    Command("reconciliation settings", "how an account is reconciled", "GET", _HOME + "/accounts/{account}"),
    Command(
        "reconciliation configure", "set how an account is reconciled; what is left out is as for a new one", "PUT",
        _HOME + "/accounts/{account}",
        (
            Option(rows.WHOLE, "all of it in YAML or JSON, tolerances too", values.document, flags=FILE, metavar="FILE"),
            Option("enabled", "yes: every night; no: on demand", values.yes_or_no),
            Option("own_keys", "a comma list of the provider's ids of the gateway's keys", values.words),
            Option("scopes", "a comma list of the provider's projects or workspaces", values.words),
            Option("lag_hours", "after which a day is final; '': the provider's own", values.or_none(values.whole)),
        ),
    ),
)  # fmt: skip
