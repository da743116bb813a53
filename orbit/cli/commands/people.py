"""Members, invitations, roles, service accounts; and, for operators, everybody who signed up."""

from __future__ import annotations

from orbit.cli import values
from orbit.cli.command import AnyCommand, Command, Option

_MEMBERS = "organizations/{organization}/members"
_INVITATIONS = "organizations/{organization}/invitations"
_ROLES = "organizations/{organization}/roles"
_SERVICE = "organizations/{organization}/service-accounts"

COMMANDS: tuple[AnyCommand, ...] = (
    Command(
        "members list", "who belongs to the organization", "GET", _MEMBERS,
        (Option("role", "only of this role"), Option("email", "only this address")),
        ("email", "name", "role", "is_active", "created_at"),
    ),
    Command("members show", "one of them, by address or id", "GET", _MEMBERS + "/{member}"),
    Command(
        "members change", "give another role", "PATCH", _MEMBERS + "/{member}",
        (Option("role", "built in, or the organization's own", required=True),),
    ),
    Command(
        "members remove", "end a membership and the keys that are theirs", "DELETE", _MEMBERS + "/{member}",
        said="removed", asks="Remove {member}, and revoke their keys?",
    ),
    Command(
        "invite", "invite by mail", "POST", _INVITATIONS,
        (Option("email", "whom", required=True), Option("role", "as what", required=True)),
    ),
    Command(
        "invitations list", "the newest first", "GET", _INVITATIONS,
        (Option("state", "open, accepted, revoked or expired"),),
        ("email", "role", "state", "invited_by", "expires_at"),
    ),
    Command(
        "invitations revoke", "take one back, by address or id", "POST", _INVITATIONS + "/{invitation}/revoke",
    ),
    Command("roles list", "the organization's own", "GET", _ROLES, (), ("name", "rights")),
    Command("roles show", "one of them, or a built-in one", "GET", _ROLES + "/{role}"),
    Command(
        "roles save", "make it, or make it be so", "PUT", _ROLES + "/{role}",
        (Option("rights", "a comma list such as keys.read,usage.read", values.words, required=True),),
    ),
    Command("roles delete", "one that nobody holds", "DELETE", _ROLES + "/{role}", said="deleted", asks="Delete the role {role}?"),
    Command(
        "service-accounts list", "members of projects that are no people", "GET", _SERVICE,
        (Option("project", "only of this one"), Option("name", "only this one")), ("project", "name", "created_at"),
    ),
    Command(
        "service-accounts create", "make one", "POST", _SERVICE,
        (Option("project", "whose", required=True), Option("name", "by which people know it", required=True)),
    ),
    Command(
        "service-accounts remove", "remove one and revoke its keys; by PROJECT/NAME or id", "DELETE", _SERVICE + "/{service_account}",
        said="removed", asks="Remove {service_account}, and revoke its keys?",
    ),
    Command(
        "people list", "who signed up, for operators", "GET", "people",
        (Option("waiting", "only who waits to be let in", switch=True), Option("email", "only this address")),
        ("id", "email", "name", "is_active", "is_operator", "approved_at", "date_joined"),
    ),
    Command("people approve", "let somebody in, by address or id", "POST", "people/{person}/approve"),
)  # fmt: skip
