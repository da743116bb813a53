"""The commands, by what they are about."""

from orbit.cli.command import AnyCommand
from orbit.cli.commands import (
    bills,
    completion,
    declarative,
    doctor,
    exports,
    figures,
    keys,
    organizations,
    people,
    policies,
    providers,
    signing,
    tools,
)

# in the order in which help tells them
_TABLE: tuple[AnyCommand, ...] = (
    *signing.COMMANDS,
    *doctor.COMMANDS,
    *organizations.COMMANDS,
    *keys.COMMANDS,
    *policies.COMMANDS,
    *people.COMMANDS,
    *providers.COMMANDS,
    *bills.COMMANDS,
    *figures.COMMANDS,
    *exports.COMMANDS,
    *declarative.COMMANDS,
    *tools.COMMANDS,
)
ALL: tuple[AnyCommand, ...] = (*_TABLE, completion.command(_TABLE))

GROUPS = {
    "organizations": "organizations of the installation, or one's own",
    "projects": "an organization's projects",
    "keys": "keys for applications",
    "management-keys": "keys for this command line and other programs",
    "policies": "what is allowed and how much, with every revision",
    "requests": "requests for more of a limit, or for a model",
    "ceiling": "the operator's policy over an organization",
    "members": "who belongs to the organization",
    "invitations": "who was invited",
    "roles": "roles of the organization's own",
    "service-accounts": "members of projects that are no people",
    "people": "who signed up, for operators",
    "accounts": "accounts at providers",
    "models": "models as applications name them",
    "prices": "what providers ask",
    "contracts": "prices that the organization agreed",
    "proposals": "prices that take two people",
    "repricing": "past calls at the prices that stand now",
    "reconciliation": "what providers billed, beside the ledger",
    "limits": "how limits stand",
    "calls": "single calls",
    "exports": "parts of the ledger as files",
    "contents": "prompts and answers, where they are stored",
    "import": "files from elsewhere into declarative ones",
}
