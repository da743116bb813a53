"""Policies with their revisions, requests for more, and the operator's ceiling."""

from __future__ import annotations

from typing import Any

from orbit.cli import rows, values
from orbit.cli.client import segment
from orbit.cli.command import AnyCommand, Command, Option, Special
from orbit.cli.commands.organizations import REASON
from orbit.cli.session import Session

_POLICIES = "organizations/{organization}/policies"
_POLICY = _POLICIES + "/{policy}"
_REQUESTS = "organizations/{organization}/requests"
_CEILING = "organizations/{slug}/ceiling"
FILE = ("-f", "--file")
_DOCUMENT = Option(
    "document", "the policy in YAML or JSON, without its name; - reads standard input", values.document,
    required=True, flags=FILE, metavar="FILE",
)  # fmt: skip
_WHY = Option("reason", "why; stands in the revision")


def show(session: Session, given: dict[str, Any]) -> None:
    """The document alone, so that it can be changed and saved again."""
    content = session.client.ask("GET", f"{_home(session)}/policies/{segment(given['policy'])}").content
    if session.output.as_json:
        session.output.json(content)
        return
    session.output.note(
        f"{content['name']}, revision {content['revision']} by {content['author']}: {content['reason'] or '-'}"
    )
    session.output.line(values.as_yaml(content["document"]))


def diff(session: Session, given: dict[str, Any]) -> None:
    """A draft against what is in force, or a revision against the one before."""
    if "document" in given:
        body = {"document": given["document"], "policy": given["policy"]}
        content = session.client.ask("POST", f"{_home(session)}/policy-check", body=body).content
    else:
        path = f"{_home(session)}/policies/{segment(given['policy'])}"
        number = given.get("revision") or session.client.ask("GET", path).content["revision"]
        content = session.client.ask("GET", f"{path}/revisions/{number}").content
    if session.output.as_json:
        session.output.json(content)
        return
    session.output.table(content["diff"], ("op", "path", "before", "after"))
    for alias in content.get("unknown_models", []):
        session.output.note(f"warning: there is no model {alias!r} here")


def simulate(session: Session, given: dict[str, Any]) -> None:
    policy = given.pop("policy")
    path = f"{_home(session)}/policies/{segment(policy)}/simulate"
    content = session.client.ask("POST", path, body=rows.body_of(given)).content
    if session.output.as_json:
        session.output.json(content)
        return
    refused, unknown = content["refused"], content["not_judged"]
    session.output.line(
        f"Of {content['calls']} calls from {content['since']} to {content['until']} it would have refused {refused['calls']}, "
        f"and could not judge {unknown['calls']}."
    )
    counted = [
        {"what": f"limit {one['limit']} on {one['level']}", "refused": one["refused"]["calls"]}
        for one in content["limits"]
    ]
    counted += [{"what": one["code"], "refused": one["refused"]["calls"]} for one in content["rules"]]
    counted += [
        {"what": f"let through by {one['limit']}", "refused": -one["let_through"]["calls"]}
        for one in content["let_through"]
    ]
    if counted:
        session.output.table(counted, ("what", "refused"))


def _home(session: Session) -> str:
    return f"organizations/{segment(session.organization)}"


COMMANDS: tuple[AnyCommand, ...] = (
    Command(
        "policies list", "the organization's policies", "GET", _POLICIES, (),
        ("name", "revision", "author", "reason", "created_at"),
    ),
    Special("policies show", "one of them, as a file for save", show, ("policy",), of_organization=True),
    Command("policies save", "make it, or give it a new revision", "PUT", _POLICY, (_DOCUMENT, _WHY)),
    Command(
        "policies check", "whether a file is a policy; nothing is kept", "POST",
        "organizations/{organization}/policy-check", (_DOCUMENT,),
    ),
    Command(
        "policies history", "its revisions, the newest first", "GET", _POLICY + "/revisions", (),
        ("revision", "author", "reason", "created_at"),
    ),
    Special(
        "policies diff", "what a file would change, or what a revision changed", diff, ("policy",),
        (
            Option("document", "a draft, compared with what is in force", values.document, flags=FILE, metavar="FILE"),
            Option("revision", "compared with the one before; left out: the one in force", values.whole),
        ),
        of_organization=True,
    ),
    Command(
        "policies rollback", "put in force what an old revision said", "POST", _POLICY + "/rollback",
        (Option("revision", "which", values.whole, required=True), _WHY),
    ),
    Special(
        "policies simulate", "try a draft on the calls of the last days", simulate, ("policy",),
        (_DOCUMENT, Option("days", "how far back", values.whole, required=True)), of_organization=True,
    ),
    Command(
        "policies delete", "one that nothing uses", "DELETE", _POLICY, said="deleted", asks="Delete the policy {policy}?",
    ),
    Command(
        "requests list", "who asked for more, the newest first", "GET", _REQUESTS,
        (Option("state", "open, approved or refused"), Option("policy", "only for this one")),
        ("id", "policy", "limit", "amount", "model", "until", "state", "requested_by", "reason"),
    ),
    Command("requests show", "one of them", "GET", _REQUESTS + "/{request_id}"),
    Command(
        "requests ask", "ask for more of a limit, or for a model", "POST", _REQUESTS,
        (
            Option("policy", "under which it is missing", required=True),
            Option("limit", "its name in the policy"),
            Option("amount", "to which it shall be raised, such as 800.00"),
            Option("model", "instead of limit and amount"),
            Option("until", "such as 7d or a moment", values.ahead, required=True),
            Option("reason", "why", required=True),
        ),
    ),
    Command(
        "requests approve", "put it in force until its end", "POST", _REQUESTS + "/{request_id}/approve",
        (Option("amount", "less than was asked for"), REASON),
    ),
    Command(
        "requests refuse", "say no, and why", "POST", _REQUESTS + "/{request_id}/refuse",
        (Option("reason", "why", required=True),),
    ),
    Command("ceiling show", "the operator's policy over an organization", "GET", _CEILING),
    Command(
        "ceiling set", "put one over it", "PUT", _CEILING,
        (
            Option("document", "a policy in YAML or JSON", values.document, flags=FILE, metavar="FILE"),
            Option("policy", "ORGANIZATION/NAME, instead of a file: copies what it says now"),
        ),
    ),
    Command("ceiling remove", "take it away", "DELETE", _CEILING, said="removed", asks="Remove the ceiling over {slug}?"),
)  # fmt: skip
