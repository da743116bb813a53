"""Keys for applications, and keys of the management API."""

from __future__ import annotations

from typing import Any

from orbit.cli import rows, values
from orbit.cli.client import segment
from orbit.cli.command import AnyCommand, Command, Option, Special
from orbit.cli.commands.organizations import REASON
from orbit.cli.failures import Failure
from orbit.cli.named import found
from orbit.cli.secrets import secret_asked
from orbit.cli.session import Session

_KEYS = "organizations/{organization}/keys"
_KEY = _KEYS + "/{key}"
_MANAGEMENT = "organizations/{organization}/management-keys"

_CHOSEN = (
    Option("project", "only of this project"),
    Option("name", "only of this name; * stands for any text"),
    Option("created_by", "only those that this person or credential issued"),
    Option("unused_since", "only those not used since, such as 90d or a moment", values.ago),
)
_TERMS = (
    Option("policy", "a policy of its own; '' takes it away", values.or_none(values.text)),
    Option(
        "allow", "file: models, endpoints, ip_ranges that it is narrowed to", values.document, metavar="FILE"
    ),
    Option("expires_at", "such as 90d or a moment; '' takes it away", values.or_none(values.ahead)),
    Option(
        "rotate_after_days",
        "when a new secret is due; '' takes it away",
        values.or_none(values.whole),
        metavar="DAYS",
    ),
)


def revoke(session: Session, given: dict[str, Any]) -> None:
    """One key by its name, or all of which what is named holds."""
    named = given.pop("key", None)
    chosen = {one.name: given[one.name] for one in _CHOSEN if one.name in given}
    if bool(named) == bool(chosen):
        raise Failure(
            "name one key, or choose several",
            "PROJECT/NAME, or --project, --name, --created-by, --unused-since.",
        )
    home = f"organizations/{segment(session.organization)}/keys"
    reason = {"reason": given["reason"]} if "reason" in given else {}
    if named:
        session.consent(f"Revoke the key {named} for good?")
        path = f"{home}/{found('key', named, session)}/revoke"
        rows.show(session, session.client.ask("POST", path, body=reason).content)
        return
    matching = list(session.client.rows(home, chosen))
    session.consent(f"Revoke {len(matching)} keys for good?{_some(matching)}")
    rows.show(session, session.client.ask("POST", f"{home}/revoke", body=chosen | reason).content)


def look_up(session: Session, given: dict[str, Any]) -> None:
    """Whose a key is, by its text, which comes by prompt or standard input."""
    if given.get("revoke"):
        session.consent("Revoke it?")
    body = {"key": secret_asked("Leaked key: "), **given}
    found = session.client.ask("POST", "key-lookup", body=body).content
    if session.output.as_json:
        session.output.json(found)
        return
    session.output.facts(
        {
            "key": found["path"],
            **found["secret"],
            **{f"key {name}": value for name, value in found["key"].items()},
        }
    )


def _some(matching: list[dict[str, Any]]) -> str:
    names = [f"{one['project']}/{one['name']}" for one in matching[:10]]
    more = f" and {len(matching) - len(names)} more" if len(matching) > len(names) else ""
    return f" {', '.join(names)}{more}" if names else ""


COMMANDS: tuple[AnyCommand, ...] = (
    Command(
        "keys list", "the organization's keys, the newest first", "GET", _KEYS,
        (
            *_CHOSEN,
            Option("due", "only those whose rotation is due", switch=True),
            Option("revoked", "revoked ones instead; takes no other filter but --project", switch=True),
        ),
        ("project", "name", "hint", "state", "policy", "owner", "expires_at", "last_used_at"),
    ),
    Command("keys show", "one of them", "GET", _KEY),
    Command(
        "keys issue", "issue a key; its secret is shown this once", "POST", _KEYS,
        (
            Option("project", "whose key it is", required=True),
            Option("name", "by which people know it", required=True),
            Option("owner", "a member's address, or a service account of the project"),
            *_TERMS,
        ),
    ),
    Command("keys change", "set what is named, leave the rest", "PATCH", _KEY, _TERMS),
    Command(
        "keys rotate", "give it a new secret, shown this once", "POST", _KEY + "/rotate",
        (Option("overlap_s", "seconds for which the old one works on; left out: a day", values.whole, metavar="SECONDS"),),
    ),
    Command("keys suspend", "refuse it from now on", "POST", _KEY + "/suspend", (REASON,)),
    Command("keys resume", "end a suspension", "POST", _KEY + "/resume"),
    Special(
        "keys revoke", "end one for good, or all that are chosen", revoke, ("key?",), (*_CHOSEN, REASON),
        of_organization=True, asks=True,
    ),
    Special(
        "keys lookup", "whose a leaked key is, for operators; its text comes by prompt or standard input", look_up, (),
        (Option("revoke", "and end it", switch=True), REASON), asks=True,
    ),
    Command(
        "management-keys list", "the organization's keys of this API", "GET", _MANAGEMENT,
        (Option("revoked", "yes: only revoked ones; no: only the others", values.yes_or_no),),
        ("name", "hint", "owner", "scopes", "works", "expires_at", "last_used_at"),
    ),
    Command(
        "management-keys issue", "issue one; its secret is shown this once", "POST", _MANAGEMENT,
        (
            Option("name", "by which people know it", required=True),
            Option("scopes", "what it opens, a comma list such as keys.read,keys.issue", values.words, required=True),
            Option("own", "your own, which ends with your membership", switch=True),
            Option("expires_at", "such as 90d or a moment", values.ahead),
        ),
    ),
    Command(
        "management-keys revoke", "end one for good", "POST", _MANAGEMENT + "/{management_key}/revoke",
        asks="Revoke the management key {management_key} for good?",
    ),
)  # fmt: skip
