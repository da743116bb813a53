"""What every change shares: the organization's lock, the act, the version, the news after commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.db.models.functions import Now
from django.dispatch import Signal

from audit.services import record_act
from orbit.lib import access
from orbit.lib.clock import rfc3339
from orbit.lib.errors import InputError
from tenants.callers import Caller, standing
from tenants.models import ApiKey, Membership, Organization, PolicyRequest
from tenants.rights import ALL, Right
from tenants.signals import key_changed, organization_changed, request_changed

ModelT = TypeVar("ModelT", bound=models.Model)
ValueT = TypeVar("ValueT")

# Who changes something: a member, who calls the management API, or the installation itself by name, which may do
# everything.
Actor = str | Membership | Caller


@dataclass(frozen=True, slots=True)
class Saved(Generic[ModelT]):
    """The row as it is now, and what became different. `secret`: what was made with it and is told this once."""

    row: ModelT
    created: bool
    fields: tuple[str, ...] = ()
    secret: str = field(default="", repr=False)

    @property
    def changed(self) -> bool:
        return self.created or bool(self.fields)


@dataclass(slots=True)
class Change:
    organization: Organization
    actor: str
    rights: frozenset[Right] = ALL
    member: Membership | None = None
    by_operator: bool = True

    def require(self, right: Right) -> None:
        if right not in self.rights:
            raise PermissionDenied(f"this takes the right {right}")

    def require_all(self, given: frozenset[Right]) -> None:
        """Nobody grants, or takes from somebody, a right that they lack."""
        lacking = sorted(given - self.rights)
        if lacking:
            raise PermissionDenied(f"this takes the rights {', '.join(lacking)}")

    @property
    def person_id(self) -> int | None:
        """Who it is, also by an own key; None for the installation and for keys of nobody."""
        return self.member.person_id if self.member is not None else None

    def may_be(self, actor: str, person_id: int | None) -> bool:
        """Whether who acts may be the same as an earlier actor. A key of nobody may be anybody's of the organization."""
        if self.by_operator:
            return person_id is None and actor == self.actor
        if self.member is None:
            return True
        return (
            person_id == self.member.person_id or actor.partition(" by key ")[0] == self.member.person.email
        )

    def keep_ceiling(self) -> None:
        """By what the operator's ceiling counts, calendar and prices, is not for the members under it to say."""
        if not self.by_operator and self.organization.ceiling is not None:
            raise PermissionDenied("the organization is under a ceiling, so this is the operator's")

    def act(
        self,
        action: str,
        target: str,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> UUID:
        return record_act(
            organization=self.organization.slug,
            shard=self.organization.shard,
            actor=self.actor,
            action=action,
            target=target,
            before=_plain(before),
            after=_plain(after),
        )

    def raise_version(self) -> None:
        """Every snapshot of the organization is stale from the commit on. The row is locked, so none is lost."""
        self.organization.version += 1
        Organization.objects.update(version=self.organization.version, changed_at=Now())
        self.tell()

    def tell(self) -> None:
        _send_after_commit(
            organization_changed,
            Organization,
            organization_id=self.organization.id,
            shard=self.organization.shard,
            version=self.organization.version,
        )

    def tell_key(self, key: ApiKey) -> None:
        _send_after_commit(
            key_changed,
            ApiKey,
            organization_id=self.organization.id,
            shard=self.organization.shard,
            key_id=key.id,
            generation=key.generation,
        )

    def tell_request(self, asked: PolicyRequest) -> None:
        _send_after_commit(
            request_changed,
            PolicyRequest,
            organization_id=self.organization.id,
            request_id=asked.pk,
            state=str(asked.state),
        )


def _send_after_commit(signal: Signal, sender: type[models.Model], **facts: Any) -> None:
    """Robust: what a receiver missed, the sweep over changed_at makes up for."""
    transaction.on_commit(lambda: signal.send(sender=sender, **facts), using="default", robust=True)


@contextmanager
def changing(organization_id: UUID, actor: Actor, right: Right | None = None) -> Iterator[Change]:
    """The organization's scope and transaction, its row locked so that changes go one after the other.

    PermissionDenied when the actor is a member without `right`; where none is named, members are kept out.
    """
    with access.scope(organization_id=organization_id):
        organization = Organization.objects.select_for_update(no_key=True).get()
        if isinstance(actor, str):
            yield Change(organization, actor)
            return
        change = _allowed(organization, actor, right)
        if organization.deleted_at is not None and right is not Right.ORGANIZATION_DELETE:
            raise PermissionDenied("the organization is deleted")
        yield change


def _allowed(organization: Organization, actor: Membership | Caller, right: Right | None) -> Change:
    """Under the lock: somebody may have taken the role or the key away since the page or the call began."""
    if isinstance(actor, Caller):
        rights, member = standing(actor)
        if actor.organization_id not in (None, organization.pk):
            rights = frozenset()
        name, by_operator = actor.name, actor.is_operator
    else:
        members = Membership.objects.select_related("person", "custom_role")
        member = members.filter(pk=actor.pk, person__is_active=True).first()
        name, by_operator = member.person.email if member else "", False
        rights = member.rights if member else frozenset()
    if right is None or right not in rights:
        raise PermissionDenied(f"this takes the right {right}" if right else "this is the operator's")
    return Change(organization, name, rights, member, by_operator)


def valid(path: str, check: Callable[[str], ValueT], text: str) -> ValueT:
    """`check(text)`, whose InputError then names the field."""
    try:
        return check(text)
    except InputError as error:
        raise InputError(path, error.message, error.suggestion) from None


def differences(row: models.Model, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of `row` that are not as wanted."""
    return {name: value for name, value in wanted.items() if getattr(row, name) != value}


def _plain(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """As JSON can hold it; of another row its name."""
    if values is None:
        return None
    return {name: _plain_value(value) for name, value in values.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    return str(value) if isinstance(value, models.Model | UUID) else value
