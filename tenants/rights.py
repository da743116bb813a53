"""What members may do: rights, and which of them a role holds. `manage.py permissions` prints it all.

An organization may add roles of its own (`CustomRole`), each a set of these rights. Nobody grants a right
that they lack.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Protocol


class Right(StrEnum):
    """Of a member in their organization. A word once stored in a custom role keeps its meaning."""

    ORGANIZATION_READ = "organization.read"
    ORGANIZATION_WRITE = "organization.write"
    ORGANIZATION_DELETE = "organization.delete"
    MEMBERS_READ = "members.read"
    MEMBERS_INVITE = "members.invite"
    MEMBERS_WRITE = "members.write"
    ROLES_WRITE = "roles.write"
    SIGN_IN_WRITE = "sign_in.write"
    PROJECTS_WRITE = "projects.write"
    KEYS_READ = "keys.read"
    KEYS_ISSUE = "keys.issue"
    KEYS_WRITE = "keys.write"
    KEYS_REVOKE = "keys.revoke"
    POLICIES_WRITE = "policies.write"
    POLICIES_ATTACH = "policies.attach"
    MODELS_WRITE = "models.write"
    ACCOUNTS_WRITE = "accounts.write"
    PRICES_WRITE = "prices.write"
    RECONCILE_READ = "reconcile.read"
    RECONCILE_APPROVE = "reconcile.approve"
    USAGE_READ = "usage.read"
    REPORTS_WRITE = "reports.write"
    CALLS_READ = "calls.read"
    LEDGER_READ = "ledger.read"
    CONTENTS_READ = "contents.read"
    CONTENTS_ERASE = "contents.erase"
    CONTENTS_DESTROY = "contents.destroy"
    MANAGEMENT_KEYS_WRITE = "management_keys.write"


MEANINGS: dict[Right, str] = {
    Right.ORGANIZATION_READ: "settings, projects, models, policies, provider accounts without their credentials; ask for more",
    Right.ORGANIZATION_WRITE: "name, time zone, currency, calendar, whether a second factor is required",
    Right.ORGANIZATION_DELETE: "delete the organization, and restore it",
    Right.MEMBERS_READ: "who belongs to it, in which role",
    Right.MEMBERS_INVITE: "invite by mail, take an invitation back",
    Right.MEMBERS_WRITE: "give members another role, remove them",
    Right.ROLES_WRITE: "custom roles",
    Right.SIGN_IN_WRITE: "the provider by which members sign in, its groups' roles, mail domains",
    Right.PROJECTS_WRITE: "create, change, suspend and archive projects, and their service accounts",
    Right.KEYS_READ: "which keys there are, never their text",
    Right.KEYS_ISSUE: "issue keys",
    Right.KEYS_WRITE: "change, suspend and resume keys; with `keys.issue`, rotate them",
    Right.KEYS_REVOKE: "revoke keys",
    Right.POLICIES_WRITE: "write, roll back and delete policies; answer those who ask for more",
    Right.POLICIES_ATTACH: "say which policy the organization, a project or a key is under",
    Right.MODELS_WRITE: "models and their routes",
    Right.ACCOUNTS_WRITE: "provider accounts, inspectors, and the credentials of both",
    Right.PRICES_WRITE: "contract prices",
    Right.RECONCILE_READ: "what providers billed, compared with the ledger, and the exceptions",
    Right.RECONCILE_APPROVE: "have it compared, import reports, settle exceptions; what is approved is posted to the ledger",
    Right.USAGE_READ: "figures and limits",
    Right.REPORTS_WRITE: "saved reports, their mail, and alerts of budgets",
    Right.CALLS_READ: "single calls",
    Right.LEDGER_READ: "who changed what",
    Right.CONTENTS_READ: "stored prompts and answers; each reading stands in the ledger",
    Right.CONTENTS_ERASE: "erase stored prompts and answers of an end user, a key or a call",
    Right.CONTENTS_DESTROY: "destroy the organization's data keys, and with them all stored prompts and answers",
    Right.MANAGEMENT_KEYS_WRITE: "see, issue and revoke keys and OAuth clients of the management API",
}

ALL = frozenset(Right)
# What nobody has by a built-in role but an owner, who may give it by a custom one.
OWNERS = frozenset({Right.ORGANIZATION_DELETE, Right.CONTENTS_READ, Right.CONTENTS_DESTROY})

BUILT_IN: dict[str, frozenset[Right]] = {
    "owner": ALL,
    "admin": ALL - OWNERS,
    "developer": frozenset(
        {
            Right.ORGANIZATION_READ,
            Right.MEMBERS_READ,
            Right.KEYS_READ,
            Right.KEYS_ISSUE,
            Right.KEYS_REVOKE,
            Right.USAGE_READ,
            Right.CALLS_READ,
        }
    ),
    "finance": frozenset(
        {
            Right.ORGANIZATION_READ,
            Right.MEMBERS_READ,
            Right.PRICES_WRITE,
            Right.RECONCILE_READ,
            Right.RECONCILE_APPROVE,
            Right.USAGE_READ,
            Right.REPORTS_WRITE,
            Right.CALLS_READ,
            Right.LEDGER_READ,
        }
    ),
    "auditor": frozenset(
        {
            Right.ORGANIZATION_READ,
            Right.MEMBERS_READ,
            Right.KEYS_READ,
            Right.RECONCILE_READ,
            Right.USAGE_READ,
            Right.CALLS_READ,
            Right.LEDGER_READ,
        }
    ),
}


class OperatorRight(StrEnum):
    """Of who runs the installation, on the management API; beside rights, which reach every organization then."""

    ORGANIZATIONS_READ = "organizations.read"
    ORGANIZATIONS_CREATE = "organizations.create"
    ORGANIZATIONS_SUSPEND = "organizations.suspend"
    CEILINGS_WRITE = "ceilings.write"
    PEOPLE_READ = "people.read"
    PEOPLE_APPROVE = "people.approve"
    KEYS_LOOK_UP = "keys.look_up"
    INSTALLATION_APPLY = "installation.apply"
    CREDENTIALS_WRITE = "credentials.write"


OPERATOR_MEANINGS: dict[OperatorRight, str] = {
    OperatorRight.ORGANIZATIONS_READ: "the ceilings over organizations",
    OperatorRight.ORGANIZATIONS_CREATE: "create organizations",
    OperatorRight.ORGANIZATIONS_SUSPEND: "suspend and resume organizations",
    OperatorRight.CEILINGS_WRITE: "set the policy that is over an organization's own",
    OperatorRight.PEOPLE_READ: "who has signed up",
    OperatorRight.PEOPLE_APPROVE: "let in who waits for it",
    OperatorRight.KEYS_LOOK_UP: "find the owner of a key by its text, and revoke it",
    OperatorRight.INSTALLATION_APPLY: "apply a declarative file with several organizations",
    OperatorRight.CREDENTIALS_WRITE: "see, issue, change and revoke operators' OAuth clients",
}

# What a credential of the management API may be narrowed to.
Scope = Right | OperatorRight
SCOPES: dict[str, Scope] = {one.value: one for one in (*Right, *OperatorRight)}

# Operators' scopes by the name of a role, as console/operators.py has roles for the admin.
PRESETS: dict[str, tuple[Scope, ...]] = {
    "operator": tuple(SCOPES.values()),
    "support": (
        Right.ORGANIZATION_READ,
        Right.MEMBERS_READ,
        Right.KEYS_READ,
        Right.USAGE_READ,
        Right.CALLS_READ,
        Right.LEDGER_READ,
        OperatorRight.ORGANIZATIONS_READ,
        OperatorRight.PEOPLE_READ,
    ),
    "billing": (
        Right.ORGANIZATION_READ,
        Right.RECONCILE_READ,
        Right.USAGE_READ,
        Right.CALLS_READ,
        Right.LEDGER_READ,
        OperatorRight.ORGANIZATIONS_READ,
    ),
}


class Holder(Protocol):
    @property
    def rights(self) -> frozenset[Right]: ...


def may(holder: Holder, right: Right) -> bool:
    """Whether a member has a right."""
    return right in holder.rights


def known(words: Iterable[str]) -> frozenset[Right]:
    """The rights among stored words. One that a later version no longer knows gives nothing."""
    stored = set(words)
    return frozenset(right for right in Right if right.value in stored)


def table() -> str:
    """Rights by built-in roles, as docs/permissions.md prints them."""
    lines = [
        "| right | what it lets one do | " + " | ".join(BUILT_IN) + " |",
        "| --- " * (len(BUILT_IN) + 2) + "|",
    ]
    for right in Right:
        cells = ("yes" if right in rights else "-" for rights in BUILT_IN.values())
        lines.append(f"| `{right}` | {MEANINGS[right]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def operator_table() -> str:
    """What operators' credentials of the management API may hold besides, as docs/permissions.md prints it."""
    lines = ["| scope | what it lets one do |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| `{one}` | {OPERATOR_MEANINGS[one]} |" for one in OperatorRight)])


def preset_table() -> str:
    """As docs/permissions.md prints it."""
    lines = ["| preset | scopes |", "| --- | --- |"]
    for name, scopes in PRESETS.items():
        words = "every one" if len(scopes) == len(SCOPES) else ", ".join(f"`{one}`" for one in scopes)
        lines.append(f"| `{name}` | {words} |")
    return "\n".join(lines)
