"""An organization's OpenID provider: where it is, what we are there, which of its groups stands for which role.

Whoever says where groups come from gives the roles that they stand for: every change takes all rights of the roles that
are named before and after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.conf import settings

from orbit.lib.errors import InputError
from orbit.lib.ids import uuid7
from tenants import oidc
from tenants.models import CustomRole, GroupRole, IdentityProvider, Membership, ProviderSession
from tenants.rights import Right
from tenants.schema import values
from tenants.secrets import Secret, check_value, local
from tenants.services.roles import find_role, rights_of
from tenants.services.saved import Actor, Change, Saved, changing, valid

SECRET_FIELD = "client_secret"
MOST_GROUPS = 200
_SHOWN_AS = "(sealed)"

Role = tuple[str, CustomRole | None]


@dataclass(frozen=True, slots=True)
class _Mapping:
    """Groups with their roles, in the order in which they count."""

    groups: tuple[tuple[str, Role], ...]
    default: Role

    def roles(self) -> Iterable[Role]:
        named = [role for _, role in self.groups]
        return [*named, self.default] if any(self.default) else named


def save_identity_provider(
    *,
    organization_id: UUID,
    actor: Actor,
    issuer: str,
    client_id: str,
    client_secret: str = "",
    groups_claim: str = "groups",
    groups: Sequence[tuple[str, str]] = (),
    default_role: str = "",
    takes_unmarked: bool = False,
    passwords: bool = True,
) -> Saved[IdentityProvider]:
    """`groups` are pairs of a group and a role's name; of a person's groups the first pair counts.

    Without `client_secret` the sealed one stays. It belongs to its issuer: with another one it must be given again, and
    nobody stays signed in or known who was it by the old one.
    """
    with changing(organization_id, actor, Right.SIGN_IN_WRITE) as change:
        provider = IdentityProvider.objects.select_related("default_custom_role").first()
        wanted = _checked(issuer, client_id, groups_claim) | {
            "takes_unmarked": takes_unmarked,
            "passwords": passwords,
        }
        mapping = _mapping(groups, default_role)
        _require_roles(change, provider, mapping)
        if not passwords:
            _check_way_in()
        moved = provider is not None and provider.issuer != wanted["issuer"]
        before = _shown(provider)
        created = provider is None
        provider = provider or IdentityProvider(id=uuid7(), organization_id=organization_id)
        _set_secret(provider, client_secret, needed=created or moved)
        for name, value in wanted.items():
            setattr(provider, name, value)
        provider.default_role, provider.default_custom_role = mapping.default
        provider.save(force_insert=created)
        _replace_groups(organization_id, mapping)
        if moved:
            _forget_people(change)
        after = _shown(provider) or {}
        new = tuple(name for name in after if before is None or before[name] != after[name])
        if new or client_secret:
            change.act("sign_in.save", provider.issuer, before, after)
    return Saved(provider, created=created, fields=new)


def delete_identity_provider(*, organization_id: UUID, actor: Actor) -> None:
    """Its sessions end at once. Whom it made a member stays one, by hand from now on."""
    with changing(organization_id, actor, Right.SIGN_IN_WRITE) as change:
        provider = IdentityProvider.objects.select_related("default_custom_role").first()
        if provider is None:
            raise InputError("provider", "there is none")
        _require_roles(change, provider)
        before = _shown(provider)
        provider.delete()
        GroupRole.objects.all().delete()
        _forget_people(change)
        managed = Membership.objects.filter(origin=Membership.Origin.PROVIDER)
        kept = managed.update(origin=Membership.Origin.HAND)
        change.act("sign_in.delete", provider.issuer, before, {"members_kept": kept})


def try_identity_provider(*, organization_id: UUID, actor: Actor, issuer: str) -> list[str]:
    """What is wrong with the provider at `issuer` and what could be better, in words; empty when all is well.

    Takes what saving takes.
    """
    with changing(organization_id, actor, Right.SIGN_IN_WRITE) as change:
        _require_roles(change, IdentityProvider.objects.select_related("default_custom_role").first())
    url = _issuer(issuer)
    try:
        found = oidc.look_up(url)
    except (oidc.Rejected, oidc.Unavailable) as error:
        return [f"It cannot be used: {error}."]
    return list(oidc.remarks(found))


def client_of(provider: IdentityProvider) -> oidc.Client:
    """Fetches the provider's description where it is not known. local.CannotOpen when the secret does not open."""
    secret = local.unseal(bytes(provider.secret_sealed), secret_place(provider))
    return oidc.Client(oidc.endpoints(provider.issuer), provider.client_id, Secret(secret))


def secret_place(provider: IdentityProvider) -> local.Place:
    return local.Place(provider.organization_id, provider.id, SECRET_FIELD)


def forget_links(slug: str) -> None:
    """Who is whom at the organization's provider."""
    SocialAccount.objects.filter(provider=slug).delete()


def _issuer(text: str) -> str:
    def check(url: str) -> str:
        return values.base_url(
            url.strip().removesuffix(oidc.discovery.WELL_KNOWN), settings.ORBIT_PRIVATE_TARGETS
        )

    url = valid("issuer", check, text)
    if len(url) > 500:
        raise InputError("issuer", "is longer than 500 characters")
    return url


def _checked(issuer: str, client_id: str, groups_claim: str) -> dict[str, Any]:
    client_id, groups_claim = client_id.strip(), groups_claim.strip()
    for field, text, most in (("client_id", client_id, 255), ("groups_claim", groups_claim, 120)):
        if not text or len(text) > most or not text.isprintable():
            raise InputError(field, f"must be 1 to {most} printable characters")
    return {"issuer": _issuer(issuer), "client_id": client_id, "groups_claim": groups_claim}


def _mapping(groups: Sequence[tuple[str, str]], default_role: str) -> _Mapping:
    if len(groups) > MOST_GROUPS:
        raise InputError("groups", f"{MOST_GROUPS} are the most")
    seen: dict[str, Role] = {}
    for group, role in groups:
        if not group or len(group) > 255 or not group.isprintable():
            raise InputError("groups", "a group must be 1 to 255 printable characters")
        if group in seen:
            raise InputError("groups", f"{group!r} is there twice", "give it one role")
        seen[group] = find_role(role)
    return _Mapping(tuple(seen.items()), find_role(default_role) if default_role else ("", None))


def _require_roles(change: Change, provider: IdentityProvider | None, wanted: _Mapping | None = None) -> None:
    roles = list(wanted.roles()) if wanted else []
    if provider is not None:
        rows = GroupRole.objects.select_related("custom_role")
        default = (provider.default_role, provider.default_custom_role)
        roles += [(row.role, row.custom_role) for row in rows] + ([default] if any(default) else [])
    for role in roles:
        change.require_all(rights_of(*role))


def _check_way_in() -> None:
    """Somebody must get in when the provider does not let them."""
    owners = Membership.objects.filter(role=Membership.Role.OWNER, person__is_active=True)
    if not owners.filter(origin=Membership.Origin.HAND).exists():
        raise InputError(
            "passwords", "every owner was made by the provider", "make somebody an owner by hand first"
        )


def _set_secret(provider: IdentityProvider, client_secret: str, *, needed: bool) -> None:
    if client_secret:
        valid("client_secret", check_value, client_secret)
        provider.secret_sealed = local.seal(client_secret, secret_place(provider))
    elif needed:
        raise InputError("client_secret", "is missing", "it goes to no issuer but the one it was entered for")


def _replace_groups(organization_id: UUID, mapping: _Mapping) -> None:
    GroupRole.objects.all().delete()
    GroupRole.objects.bulk_create(
        GroupRole(
            organization_id=organization_id, group=group, position=position, role=role, custom_role=custom
        )
        for position, (group, (role, custom)) in enumerate(mapping.groups)
    )


def _forget_people(change: Change) -> None:
    ProviderSession.objects.all().delete()
    forget_links(change.organization.slug)


def _shown(provider: IdentityProvider | None) -> dict[str, Any] | None:
    """What an act may say of it."""
    if provider is None:
        return None
    rows = GroupRole.objects.select_related("custom_role").order_by("position")
    default = provider.default_custom_role
    return {
        "issuer": provider.issuer,
        "client_id": provider.client_id,
        "client_secret": _SHOWN_AS,
        "groups_claim": provider.groups_claim,
        "groups": [[row.group, row.role_name] for row in rows],
        "default_role": default.name if default else provider.default_role,
        "takes_unmarked": provider.takes_unmarked,
        "passwords": provider.passwords,
    }
