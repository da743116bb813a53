"""An organization's own roles. Nobody puts a right into one, or takes one out, that they lack themselves."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from orbit.lib.errors import InputError
from tenants.models import CustomRole, GroupRole, IdentityProvider, Membership
from tenants.rights import BUILT_IN, Right
from tenants.schema import values
from tenants.services.saved import Actor, Saved, changing, valid


def find_role(name: str) -> tuple[str, CustomRole | None]:
    """As a membership holds it: a built-in role by name, or one of the organization in scope."""
    if name in BUILT_IN:
        return name, None
    custom = CustomRole.objects.filter(name=name).first()
    if custom is None:
        names = [*BUILT_IN, *CustomRole.objects.values_list("name", flat=True)]
        raise InputError("role", f"there is no role {name!r}", values.nearest(name, names))
    return "", custom


def rights_of(role: str, custom: CustomRole | None) -> frozenset[Right]:
    return custom.rights if custom else BUILT_IN[role]


def save_role(
    *, organization_id: UUID, name: str, rights: Collection[str], actor: Actor
) -> Saved[CustomRole]:
    """Who holds the role has these rights from the next request on."""
    valid("name", values.name, name)
    if name in BUILT_IN:
        raise InputError("name", f"{name!r} is built in", "choose another")
    wanted = _checked(rights)
    with changing(organization_id, actor, Right.ROLES_WRITE) as change:
        role = CustomRole.objects.filter(name=name).first()
        before = role.words if role else None
        change.require_all(frozenset(wanted) | (role.rights if role else frozenset()))
        if before == wanted:
            assert role is not None
            return Saved(role, created=False)
        role = role or CustomRole(organization_id=organization_id, name=name)
        role.words = wanted
        role.save()
        change.act(
            "role.create" if before is None else "role.update",
            name,
            None if before is None else {"rights": before},
            {"rights": wanted},
        )
    return Saved(role, created=before is None, fields=("rights",))


def delete_role(*, organization_id: UUID, name: str, actor: Actor) -> None:
    with changing(organization_id, actor, Right.ROLES_WRITE) as change:
        _, role = find_role(name)
        if role is None:
            raise InputError("role", f"{name!r} is built in")
        change.require_all(role.rights)
        if Membership.objects.filter(custom_role=role).exists():
            raise InputError("role", f"members still have {name!r}", "give them another role first")
        if _is_given_at_sign_in(role):
            raise InputError("role", f"sign-in still gives {name!r}", "change the groups' roles first")
        role.delete()
        change.act("role.delete", name, {"rights": role.words})


def _is_given_at_sign_in(role: CustomRole) -> bool:
    by_default = IdentityProvider.objects.filter(default_custom_role=role)
    return by_default.exists() or GroupRole.objects.filter(custom_role=role).exists()


def _checked(words: Collection[str]) -> list[Right]:
    for word in words:
        valid("rights", lambda text: values.one_of(text, [right.value for right in Right]), word)
    return [right for right in Right if right in words]
