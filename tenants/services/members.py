"""Who belongs to an organization, in which role. An organization keeps at least one owner who can sign in.

Whom the identity provider manages is not changed by hand; only the installation itself may take them over."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from orbit.lib.errors import InputError
from tenants.models import ApiKey, Invitation, Membership, Person
from tenants.rights import Right
from tenants.services.invitations import revoke_invitations
from tenants.services.issued_keys import revoke
from tenants.services.management_keys import end_management_keys
from tenants.services.roles import find_role, rights_of
from tenants.services.saved import Actor, Change, Saved, changing


def add_member(*, organization_id: UUID, person: Person, role: str, actor: str) -> Saved[Membership]:
    """Gives `person` the role; one that belonged already has it afterwards instead of the old one."""
    with changing(organization_id, actor) as change:
        return put_member(change, person, role)


def put_member(change: Change, person: Person, role: str) -> Saved[Membership]:
    """Within a change that is under way, and may grant the role."""
    member = _members().filter(person=person).first()
    if member is not None:
        saved = give_role(change, member, role)
        if member.is_managed:  # by hand from now on
            member.origin = Membership.Origin.HAND
            member.save(update_fields=["origin"])
        return saved
    built_in, custom = find_role(role)
    member = Membership.objects.create(
        organization_id=change.organization.pk, person=person, role=built_in, custom_role=custom
    )
    change.act("member.add", person.email, None, {"role": role})
    return Saved(member, created=True, fields=("role",))


def change_role(*, organization_id: UUID, member_id: UUID, role: str, actor: Actor) -> Saved[Membership]:
    with changing(organization_id, actor, Right.MEMBERS_WRITE) as change:
        member = _found(member_id)
        _check_by_hand(member)
        return give_role(change, member, role)


def remove_member(*, organization_id: UUID, member_id: UUID, actor: Actor) -> None:
    """The person's sessions lose the organization with their next request; their open invitations and own keys end."""
    with changing(organization_id, actor, Right.MEMBERS_WRITE) as change:
        member = _found(member_id)
        _check_by_hand(member)
        end_membership(change, member)


def end_membership(change: Change, member: Membership) -> None:
    """Within a change that is under way, and may take from the member what they have."""
    change.require_all(member.rights)
    _keep_an_owner(member)
    before = {"role": member.role_name}
    member.delete()
    _end_what_is_theirs(change, member.person)
    change.act("member.remove", member.person.email, before)


def deactivate_member(*, organization_id: UUID, person: Person, actor: str) -> None:
    """Of a person whom an operator deactivates: they stay a member who can do nothing. The last owner does, too."""
    with changing(organization_id, actor) as change:
        _end_what_is_theirs(change, person)
        change.act("member.deactivate", person.email)


def activate_member(*, organization_id: UUID, person: Person, actor: str) -> None:
    with changing(organization_id, actor) as change:
        change.act("member.activate", person.email)


def _end_what_is_theirs(change: Change, person: Person) -> None:
    revoke_invitations(change, Invitation.objects.filter(inviter=person))
    for key in ApiKey.objects.select_related("project").filter(person=person, revoked_at=None):
        revoke(change, key, key.project.slug)
    end_management_keys(change, person)


def give_role(change: Change, member: Membership, role: str) -> Saved[Membership]:
    """Within a change that is under way, and may take the old role and grant the new one."""
    built_in, custom = find_role(role)
    change.require_all(member.rights | rights_of(built_in, custom))
    before, old_rights = member.role_name, member.rights
    if before == role:
        return Saved(member, created=False)
    _keep_an_owner(member)
    member.role, member.custom_role = built_in, custom
    member.save(update_fields=["role", "custom_role"])
    if not rights_of(built_in, custom) >= old_rights:
        revoke_invitations(change, Invitation.objects.filter(inviter=member.person))
    change.act("member.update", member.person.email, {"role": before}, {"role": role})
    return Saved(member, created=False, fields=("role",))


def _members() -> QuerySet[Membership]:
    return Membership.objects.select_related("person", "custom_role")


def _found(member_id: UUID) -> Membership:
    member = _members().filter(pk=member_id).first()
    if member is None:
        raise InputError("member", "there is no such member")
    return member


def _check_by_hand(member: Membership) -> None:
    if member.is_managed:
        raise InputError(
            "member", "the identity provider manages this member", "change the person's groups there"
        )


def _keep_an_owner(going: Membership) -> None:
    """The organization's row is locked, so no two owners leave at once."""
    owners = Membership.objects.filter(role=Membership.Role.OWNER, person__is_active=True)
    if going.role == Membership.Role.OWNER and not owners.exclude(pk=going.pk).exists():
        raise InputError("member", "the last owner stays", "make somebody else an owner first")
