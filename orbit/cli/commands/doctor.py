"""doctor: looks at everything that usually is the matter, and says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any

from orbit.cli.client import segment, travels_openly
from orbit.cli.command import AnyCommand, Special
from orbit.cli.failures import Exit, Failure, Problem
from orbit.cli.session import Session

API_VERSION = "1"
SOON = timedelta(days=14)
MOST_SKEW_S = 30
NEARLY = 0.9
MOST_KEYS = 2000
WITHOUT_CREDENTIAL = ("vllm", "ollama")  # kinds that may do without


@dataclass(frozen=True, slots=True)
class Finding:
    state: str  # ok, warn, fail or skipped
    what: str
    detail: str
    remedy: str = ""


Check = Callable[[Session], Iterator[Finding]]


def doctor(session: Session, given: dict[str, Any]) -> int:
    findings = list(_examined(session))
    if session.output.as_json:
        session.output.json({"checks": [asdict(one) for one in findings]})
    else:
        session.output.table([asdict(one) for one in findings], ("state", "what", "detail", "remedy"))
    return Exit.FAILED if any(one.state == "fail" for one in findings) else Exit.DONE


def _examined(session: Session) -> Iterator[Finding]:
    """Without a gateway, or without a credential, there is nothing more to ask."""
    for check in (_gateway, _credential):
        found = list(_tried(check, session))
        yield from found
        if any(one.state == "fail" for one in found):
            return
    if session.me["organization"] is None and not session.names_organization:
        yield Finding(
            "skipped", "organization", "the credential is of no single one", "Name one with --organization."
        )
        return
    for check in (_organization, _keys, _management_keys, _limits, _accounts, _models):
        yield from _tried(check, session)


def _tried(check: Check, session: Session) -> Iterator[Finding]:
    what = check.__name__.strip("_").replace("_", " ")
    try:
        yield from check(session)
    except Problem as error:
        if error.code is Exit.NOT_ALLOWED and check is not _credential:
            yield Finding("skipped", what, error.message)
        else:
            yield Finding("fail", what, error.message, error.remedy)
    except Failure as error:
        yield Finding("fail", what, error.message, error.remedy)


def _gateway(session: Session) -> Iterator[Finding]:
    client = session.client
    if travels_openly(client.url):
        yield Finding(
            "warn", "encryption", f"{client.url} is plain HTTP", "Use https://, lest others read the key."
        )
    alive = client.exchange("GET", "/healthz")
    if alive.status != 200:
        yield Finding("fail", "gateway", f"/healthz answers {alive.status}", "Is this the gateway's address?")
        return
    yield Finding("ok", "gateway", f"{client.url} answers")
    yield _readiness(client.exchange("GET", "/readyz").content)
    yield _clock(alive.headers.get("date", ""))
    said = client.exchange("GET", "/api/v1/schema")
    version = (said.content or {}).get("info", {}).get("version")
    if version == API_VERSION:
        yield Finding("ok", "version", f"API {version}")
    else:
        yield Finding(
            "fail", "version", f"this command speaks API {API_VERSION}, the gateway {version}", "Use its own."
        )


def _readiness(body: Any) -> Finding:
    told = body if isinstance(body, dict) else {}
    states = {name: state for name, state in told.items() if isinstance(state, str)}  # the rest are figures
    bad = [f"{name}: {state}" for name, state in states.items() if state not in ("ok", "ready")]
    if bad or not states:
        return Finding("warn", "readiness", ", ".join(bad) or "not told", "Look at the gateway's log.")
    return Finding("ok", "readiness", ", ".join(f"{name}: {state}" for name, state in states.items()))


def _clock(date: str) -> Finding:
    try:
        skew_s = abs((datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds())
    except (ValueError, TypeError):
        return Finding("skipped", "clock", "the gateway does not tell the time")
    if skew_s > MOST_SKEW_S:
        return Finding(
            "warn", "clock", f"{skew_s:.0f} s between here and the gateway", "Set the wrong one by NTP."
        )
    return Finding("ok", "clock", "the same here and there")


def _credential(session: Session) -> Iterator[Finding]:
    me = session.me
    if not me["scopes"]:
        yield Finding("fail", "credential", f"{me['name']} opens nothing", "Have one issued that does.")
        return
    where = me["organization"] or "every organization"
    yield Finding("ok", "credential", f"{me['name']}, {where}: {', '.join(me['scopes'])}")


def _organization(session: Session) -> Iterator[Finding]:
    found = session.client.ask("GET", _home(session)).content
    if found["state"] != "active":
        why = f": {found['suspended_for']}" if found["suspended_for"] else ""
        yield Finding(
            "fail",
            "organization",
            f"{found['slug']} is {found['state']}{why}",
            "Its operator or owner can undo it.",
        )
    elif not found["policy"]:
        yield Finding(
            "warn",
            "organization",
            "has no policy of its own",
            "Calls need one on it, the project or the key.",
        )
    else:
        yield Finding("ok", "organization", f"{found['slug']} is active, under {found['policy']}")


def _keys(session: Session) -> Iterator[Finding]:
    rows = list(islice(session.client.rows(f"{_home(session)}/keys", {}), MOST_KEYS))
    ending = [one for one in rows if _soon(one["expires_at"]) or one["state"] in ("due", "overdue")]
    for one in ending[:10]:
        when = f"ends {one['expires_at']}" if _soon(one["expires_at"]) else f"rotation is {one['state']}"
        yield Finding(
            "warn",
            "key",
            f"{one['project']}/{one['name']}: {when}",
            "orbit keys rotate, or change --expires-at.",
        )
    if not ending:
        yield Finding("ok", "keys", f"{len(rows)} looked at, none ends within {SOON.days} days")
    elif len(ending) > 10:
        yield Finding("warn", "keys", f"{len(ending) - 10} more like these", "orbit keys list")


def _management_keys(session: Session) -> Iterator[Finding]:
    rows = list(session.client.rows(f"{_home(session)}/management-keys", {"revoked": False}))
    ending = [one for one in rows if _soon(one["expires_at"])]
    for one in ending:
        yield Finding(
            "warn", "management key", f"{one['name']} ends {one['expires_at']}", "Issue another in time."
        )
    if not ending:
        yield Finding("ok", "management keys", f"none of {len(rows)} ends within {SOON.days} days")


def _limits(session: Session) -> Iterator[Finding]:
    rows = [
        one
        for level in ("organization", "project")
        for one in session.client.rows(f"{_home(session)}/limits", {"level": level})
    ]
    full = [one for one in rows if not one["shadow"] and _share(one) >= NEARLY]
    for one in full:
        name = f"{one['name']} on {one['level']} {one['object']}"
        yield Finding(
            "warn", "limit", f"{name}: {_share(one):.0%} used", "Raise it, or `orbit requests ask`."
        )
    if not full:
        yield Finding("ok", "limits", f"none of {len(rows)} is {NEARLY:.0%} used")


def _share(limit: dict[str, Any]) -> float:
    if limit["spent"] is None:
        return 0.0
    used = limit["spent"] + (limit["held"] or 0)
    return float(used / limit["limit"]) if limit["limit"] else 1.0


def _accounts(session: Session) -> Iterator[Finding]:
    rows = list(session.client.rows(f"{_home(session)}/provider-accounts", {}))
    bare = [one["name"] for one in rows if not one["credential"] and one["kind"] not in WITHOUT_CREDENTIAL]
    for name in bare:
        yield Finding(
            "fail",
            "provider account",
            f"{name} has no credential",
            "orbit accounts save … --credential-stdin",
        )
    if not rows:
        yield Finding("warn", "provider accounts", "there are none", "orbit accounts save")
    elif not bare:
        yield Finding("ok", "provider accounts", f"{len(rows)}, each as it needs")


def _models(session: Session) -> Iterator[Finding]:
    rows = list(session.client.rows(f"{_home(session)}/models", {}))
    old = [one for one in rows if one["deprecated"]]
    for one in old:
        yield Finding("warn", "model", f"{one['alias']}: {one['deprecated']}")
    if not old:
        yield Finding("ok", "models", f"{len(rows)}, none deprecated")


def _soon(moment: str | None) -> bool:
    return moment is not None and datetime.fromisoformat(moment) - datetime.now(UTC) < SOON


def _home(session: Session) -> str:
    return f"organizations/{segment(session.organization)}"


COMMANDS: tuple[AnyCommand, ...] = (
    Special("doctor", "look for what is the matter, and say what to do", doctor, of_organization=True),
)
