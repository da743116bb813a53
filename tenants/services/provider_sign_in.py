"""Who comes in by an organization's provider: who that is here, in which role, and for how long.

The provider speaks for addresses of the organization's verified domains and for nothing else; a session that it
vouches for opens this organization alone (docs/sso.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from orbit.lib import access
from orbit.lib.errors import InputError
from tenants.models import (
    Domain,
    GroupRole,
    IdentityProvider,
    Invitation,
    Membership,
    Person,
    ProviderSession,
)
from tenants.oidc import Claims, Tokens
from tenants.secrets import local
from tenants.services.invitations import open_invitations, revoke_invitations
from tenants.services.members import end_membership, give_role
from tenants.services.roles import find_role
from tenants.services.saved import Change, changing

ACTOR = "identity provider"  # of acts
# An issuer that everybody shares: anybody who once had an address of a domain may have made a private account with it.
GOOGLE = "https://accounts.google.com"
_NO_ROLE = "None of your groups at the provider stands for a role here. Ask an admin of the organization."


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody signs in by a provider."""

    organization_id: UUID
    slug: str
    name: str
    issuer: str


@dataclass(frozen=True, slots=True)
class Admitted:
    person: Person
    account: SocialAccount
    session_id: UUID


class NotAdmitted(Exception):
    """Why somebody does not come in. Safe to show to them."""


def place_of_slug(slug: str) -> Place | None:
    with access.operator():
        return _place(IdentityProvider.objects.filter(organization__slug=slug))


def place_of_address(email: str) -> Place | None:
    """The organization that has verified the address's domain, if it has a provider."""
    domain = email.strip().lower().rpartition("@")[2]
    with access.operator():
        owners = Domain.objects.filter(name=domain, verified_at__isnull=False).values("organization_id")
        return _place(IdentityProvider.objects.filter(organization__in=owners))


def admit(*, organization_id: UUID, said: Claims, source: str, tokens: Tokens) -> Admitted:
    """Finds or makes the person, brings their membership in line with their groups, opens a session for them.

    NotAdmitted when they may not come in; a membership that the provider had made is ended then all the same.
    """
    with changing(organization_id, ACTOR) as change:
        found = _person(change, said)
        if not isinstance(found, str):
            account = _linked(change, found, said.subject)
            session = _open_session(organization_id, found, said.subject, source, tokens)
            return Admitted(found, account, session.pk)
    raise NotAdmitted(found)  # outside, so that what was taken from them stays taken


def role_for(groups: tuple[str, ...] | None) -> str | None:
    """The name of the role that the groups stand for in the organization in scope."""
    for row in GroupRole.objects.select_related("custom_role").order_by("position"):
        if groups and row.group in groups:
            return row.role_name
    provider = IdentityProvider.objects.select_related("default_custom_role").get()
    custom = provider.default_custom_role
    return custom.name if custom else provider.default_role or None


def bring_in_line(change: Change, person: Person, role: str | None) -> Membership | None:
    """The membership as the provider's groups make it. One that was given by hand stays, and so does the last owner."""
    member = Membership.objects.select_related("person", "custom_role").filter(person=person).first()
    if member is None:
        return _join(change, person, role) if role else None
    if not member.is_managed:
        return member
    try:
        if role is None:
            end_membership(change, member)
            return None
        give_role(change, member, role)
    except InputError:
        pass  # the last owner
    return member


def is_in_line(person_id: int, role: str | None) -> bool:
    """Whether `bring_in_line` would change nothing."""
    member = Membership.objects.select_related("custom_role").filter(person_id=person_id).first()
    if member is None:
        return role is None
    return not member.is_managed or member.role_name == role


def address_problem(said: Claims) -> str:
    """Why the organization in scope may not take the provider's word for the address; empty when it may."""
    provider = IdentityProvider.objects.get()
    domain = said.email.rpartition("@")[2]
    if not domain or len(said.email) > 254:
        return "The provider did not say what your e-mail address is."
    if said.email_verified is False or (said.email_verified is None and not provider.takes_unmarked):
        return "The provider has not verified your e-mail address."
    if provider.issuer == GOOGLE and said.hosted != domain:
        return f"Your Google account is not one of {domain}'s own."
    if not Domain.objects.filter(name=domain, verified_at__isnull=False).exists():
        return f"The organization has not verified the domain {domain}."
    return ""


def needs_provider(member: Membership) -> bool:
    """Whether this membership of the organization in scope opens by the provider alone.

    Owners by hand always keep their own way in.
    """
    if member.is_managed:
        return True
    if member.role == Membership.Role.OWNER or not IdentityProvider.objects.filter(passwords=False).exists():
        return False
    addresses = {member.person.email, *_verified_addresses(member.person)}
    domains = {address.rpartition("@")[2].lower() for address in addresses}
    return Domain.objects.filter(name__in=domains, verified_at__isnull=False).exists()


def _place(rows: QuerySet[IdentityProvider]) -> Place | None:
    provider = rows.select_related("organization").filter(organization__deleted_at=None).first()
    if provider is None:
        return None
    organization = provider.organization
    return Place(organization.pk, organization.slug, organization.name, provider.issuer)


def _person(change: Change, said: Claims) -> Person | str:
    """Who comes in, as a member by now; else why not."""
    if change.organization.deleted_at is not None:
        return "The organization is deleted."
    if problem := address_problem(said):
        return problem
    role = role_for(said.groups)
    known = _known(change, said)
    claimed = None if known else _unproven(said.email)
    person = known or claimed
    if person is None:
        made = _new_person(said) if role is not None else _NO_ROLE
        if isinstance(made, str):
            return made
        person = made
    if person.is_staff or person.is_superuser or not person.is_active:
        return "This account does not sign in by a provider."
    if bring_in_line(change, person, role) is None:
        return _NO_ROLE
    if claimed is not None:
        _take_over(claimed, said.email)
    return person


def _known(change: Change, said: Claims) -> Person | None:
    """By who they are at the provider, else by an address that they have confirmed here."""
    link = SocialAccount.objects.select_related("user").filter(
        provider=change.organization.slug, uid=said.subject
    )
    if (account := link.first()) is not None:
        known: Person = account.user
        return known
    proven = EmailAddress.objects.select_related("user").filter(email__iexact=said.email, verified=True)
    if (address := proven.first()) is not None:
        found: Person = address.user
        return found
    return None


def _unproven(email: str) -> Person | None:
    """Somebody gave this address and never confirmed it."""
    return Person.objects.filter(email__iexact=email).first()


def _take_over(person: Person, email: str) -> None:
    """Somebody signed up with the address and never proved it: what they set goes, the address is its holder's."""
    person.set_unusable_password()
    person.save(update_fields=["password"])
    EmailAddress.objects.filter(user=person).delete()
    _own(person, email)


def _own(person: Person, email: str) -> None:
    EmailAddress.objects.filter(email__iexact=email, verified=False).delete()
    EmailAddress.objects.create(user=person, email=email, verified=True, primary=True)


def _new_person(said: Claims) -> Person | str:
    invited = open_invitations().filter(email=said.email).exists()
    waits = False if invited else _waits(said.email)
    if isinstance(waits, str):
        return waits
    fields = {"approved_at": None} if waits else {}
    person = Person.objects.create_user(said.email, None, name=said.name, **fields)
    _own(person, said.email)
    return person


def _waits(email: str) -> bool | str:
    """Whether somebody new has to wait for an operator, or why they are not taken at all."""
    mode = settings.ORBIT_SSO_JOIN if settings.ORBIT_SSO_JOIN != "sign-up" else settings.ORBIT_SIGN_UP
    if mode == "invitation":
        return "This installation takes people who were invited. Ask an admin of the organization for an invitation."
    if mode == "domains" and email.rpartition("@")[2] not in settings.ORBIT_SIGN_UP_DOMAINS:
        return "This installation does not take addresses of your domain."
    return bool(mode == "approval")


def _join(change: Change, person: Person, role: str) -> Membership:
    built_in, custom = find_role(role)
    member = Membership.objects.create(
        organization_id=change.organization.pk,
        person=person,
        role=built_in,
        custom_role=custom,
        origin=Membership.Origin.PROVIDER,
    )
    addresses = {person.email, *_verified_addresses(person)}
    revoke_invitations(change, Invitation.objects.filter(email__in=addresses))
    change.act("member.join", person.email, None, {"role": role})
    return member


def _verified_addresses(person: Person) -> list[str]:
    return list(EmailAddress.objects.filter(user=person, verified=True).values_list("email", flat=True))


def _linked(change: Change, person: Person, subject: str) -> SocialAccount:
    account, _ = SocialAccount.objects.get_or_create(
        provider=change.organization.slug, uid=subject, defaults={"user": person}
    )
    return account


def _open_session(
    organization_id: UUID, person: Person, subject: str, source: str, tokens: Tokens
) -> ProviderSession:
    now = timezone.now()
    session = ProviderSession(
        organization_id=organization_id,
        person=person,
        subject=subject,
        source=source,
        asked_at=now,
        confirmed_at=now,
    )
    seal_tokens(session, tokens)
    session.save(force_insert=True)
    return session


def seal_tokens(session: ProviderSession, tokens: Tokens) -> None:
    session.access_sealed = local.seal(tokens.access, token_place(session, "access_token"))
    if tokens.refresh:
        session.refresh_sealed = local.seal(tokens.refresh, token_place(session, "refresh_token"))


def token_place(session: ProviderSession, field: str) -> local.Place:
    return local.Place(session.organization_id, session.pk, field)
