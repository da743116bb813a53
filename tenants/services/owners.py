"""Whose a key is: nobody's but its project's, a member's own, or a service account's."""

from __future__ import annotations

from orbit.lib.errors import InputError
from tenants.models import Membership, Person, Project, ServiceAccount
from tenants.schema import values


def find_owner(project: Project, name: str | None) -> tuple[Person | None, ServiceAccount | None]:
    """A member by their address, or a service account of the project by its name."""
    if name is None:
        return None, None
    if "@" in name:
        members = Membership.objects.select_related("person")
        member = members.filter(person__email=name.lower(), person__is_active=True).first()
        if member is None:
            raise InputError("owner", f"{name} is no member", "invite them first")
        return member.person, None
    accounts = ServiceAccount.objects.filter(project=project, removed_at=None)
    account = accounts.filter(name=name).first()
    if account is None:
        near = values.nearest(name, accounts.values_list("name", flat=True))
        raise InputError("owner", f"the project has no service account {name!r}", near)
    return None, account
