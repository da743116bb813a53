"""Who calls the management API: what their credential lets them do, and by which name acts know them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from tenants.models import ManagementKey, Membership, OAuthClient
from tenants.rights import Right, Scope


@dataclass(frozen=True, slots=True)
class Caller:
    """`scopes` are all that the credential opens. `organization_id` None: in every organization, as an operator."""

    name: str
    scopes: frozenset[Scope]
    organization_id: UUID | None = None
    management_key_id: UUID | None = None
    oauth_client_id: UUID | None = None

    @property
    def is_authenticated(self) -> bool:
        """For DRF, to which this is the request's user."""
        return True

    @property
    def rights(self) -> frozenset[Right]:
        return frozenset(one for one in self.scopes if isinstance(one, Right))

    @property
    def is_operator(self) -> bool:
        return self.organization_id is None


def owner_of(key: ManagementKey) -> Membership | None:
    """The membership whose own key this is, within its organization's scope; None also when it is over."""
    if key.person_id is None:
        return None
    members = Membership.objects.select_related("person", "custom_role")
    return members.filter(person_id=key.person_id, person__is_active=True).first()


def rights_of_key(key: ManagementKey, owner: Membership | None) -> frozenset[Right]:
    """What a key opens now: of a member's own, no more than the member may."""
    if not key.works or (key.person_id is not None and owner is None):
        return frozenset()
    return key.scopes & owner.rights if owner else key.scopes


def standing(caller: Caller) -> tuple[frozenset[Right], Membership | None]:
    """The caller's rights in the organization in scope, read anew where somebody may have taken them away.

    With them the membership whose own key it is.
    """
    if caller.oauth_client_id is not None and caller.organization_id is not None:
        client = OAuthClient.objects.filter(pk=caller.oauth_client_id).first()
        return (client.scopes & caller.rights if client else frozenset()), None
    if caller.management_key_id is None:
        return caller.rights, None
    key = ManagementKey.objects.filter(pk=caller.management_key_id).first()
    owner = owner_of(key) if key else None
    return (rights_of_key(key, owner) & caller.rights if key else frozenset()), owner
