"""apply and export: the declarative file over the API."""

from __future__ import annotations

from typing import Any

from orbit.cli import values
from orbit.cli.client import segment
from orbit.cli.command import AnyCommand, Option, Special
from orbit.cli.commands.policies import FILE
from orbit.cli.session import Session

_SIGNS = {"create": "+", "update": "~", "delete": "-"}


def apply(session: Session, given: dict[str, Any]) -> None:
    """To the credential's own organization, or as an operator to all that the file names."""
    if given.get("prune") and not given.get("dry_run"):
        session.consent("Remove what the file does not name, and revoke its keys?")
    path = (
        "apply"
        if session.me["organization"] is None
        else f"organizations/{segment(session.organization)}/apply"
    )
    outcome = session.client.ask("POST", path, body=given).content
    if session.output.as_json:
        session.output.json(outcome)
        return
    for warning in outcome["warnings"]:
        session.output.note(f"warning: {warning}")
    for step in outcome["plan"]:
        fields = f": {', '.join(step['fields'])}" if step["fields"] and step["op"] == "update" else ""
        session.output.line(f"{_SIGNS[step['op']]} {step['kind']} {step['path']}{fields}")
    if not outcome["changed"]:
        session.output.line("Nothing to change.")
    elif given.get("dry_run"):
        session.output.line("Dry run: nothing was changed.")
    if outcome["keys"]:
        session.output.line("\nNew keys. They are shown this once:")
    for key in outcome["keys"]:
        session.output.line(f"  {key['organization']}/{key['project']}/{key['name']}  {key['secret']}")
    if outcome["secrets"]:
        session.output.line("\nNew secrets. They are shown this once:")
    for one in outcome["secrets"]:
        session.output.line(f"  {one['kind']} {one['path']}  {one['secret']}")


def export(session: Session, given: dict[str, Any]) -> None:
    content = session.client.ask("GET", f"organizations/{segment(session.organization)}/export").content
    if session.output.as_json:
        session.output.json(content)
    else:
        session.output.line(values.as_yaml(content))


COMMANDS: tuple[AnyCommand, ...] = (
    Special(
        "apply", "make it be as a declarative file says", apply, (),
        (
            Option("document", "in YAML or JSON; - reads standard input", values.document, required=True, flags=FILE, metavar="FILE"),
            Option("dry_run", "show the plan, change nothing", switch=True),
            Option("prune", "also remove what the file does not name", switch=True),
            Option("reason", "why; stands in new revisions of policies"),
        ),
        of_organization=True, asks=True,
    ),
    Special("export", "an organization as a declarative file, without secrets", export, of_organization=True),
)  # fmt: skip
