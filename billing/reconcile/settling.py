"""Exceptions in people's hands: somebody's, approved, rejected, closed. Nobody approves what they proposed themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.utils import timezone

from billing.models import BilledRow, BillException, Run
from billing.reconcile import posting, standing
from billing.reconcile.connectors.registry import CSV
from orbit.lib.errors import InputError
from tenants.models import Membership
from tenants.rights import Right
from tenants.services.saved import Actor, Change, changing

State = BillException.State


def approve(
    *,
    organization_id: UUID,
    exception_id: UUID,
    actor: Actor,
    reason: str = "",
    changed_at: str | None = None,
) -> BillException | None:
    """Posts what it proposes to the ledger. One that is approved already is left as it is. None: there is no such one.

    `changed_at` is the exception's as it was shown to whoever approves: what became otherwise since is not approved. None: of a
    program of ours that looked in the same moment.
    InputError for one that proposes nothing or is settled otherwise, and when the ledger has changed since it was checked;
    PermissionDenied for the proposer, unless there is nobody else in the organization who may approve.
    """
    reason = _checked(reason, needed=False)
    with changing(organization_id, actor, Right.RECONCILE_APPROVE) as change:
        row = _locked(exception_id)
        if row is None or row.state == State.APPROVED:
            return row
        _must_be_open(row)
        _must_be_seen(row, changed_at)
        if not row.adjustments:
            raise InputError("exception", "proposes no adjustment", "reject it, or close it with a reason")
        _no_own(change, row)
        if standing.has_moved(row):
            raise InputError(
                "exception",
                "the ledger has changed since it was checked",
                "reconcile the account anew, and look at it again",
            )
        posted = posting.post(change.organization, row, approved_by=change.actor, reason=reason)
        _settle(change, row, State.APPROVED, reason)
        change.act("exception.approve", _target(row), None, _told(row) | {"adjustments": posted})
        return row


def reject(*, organization_id: UUID, exception_id: UUID, actor: Actor, reason: str) -> BillException | None:
    """The ledger stays as it is. A later run does not bring up the same figures again."""
    reason = _checked(reason, needed=True)
    with changing(organization_id, actor, Right.RECONCILE_APPROVE) as change:
        row = _locked(exception_id)
        if row is None or row.state == State.REJECTED:
            return row
        _must_be_open(row)
        _settle(change, row, State.REJECTED, reason)
        change.act("exception.reject", _target(row), None, _told(row))
        return row


def close(*, organization_id: UUID, exception_id: UUID, actor: Actor, reason: str) -> BillException | None:
    """Of one that proposes nothing: it was looked into, and this is why it is."""
    reason = _checked(reason, needed=True)
    with changing(organization_id, actor, Right.RECONCILE_APPROVE) as change:
        row = _locked(exception_id)
        if row is None or row.state == State.CLOSED:
            return row
        _must_be_open(row)
        if row.adjustments:
            raise InputError("exception", "proposes adjustments", "approve or reject it")
        _settle(change, row, State.CLOSED, reason)
        change.act("exception.close", _target(row), None, _told(row))
        return row


def assign(*, organization_id: UUID, exception_id: UUID, actor: Actor, owner: str) -> BillException | None:
    """To a member of the organization, by mail address; empty: to nobody."""
    with changing(organization_id, actor, Right.RECONCILE_APPROVE) as change:
        row = _locked(exception_id)
        if row is None or row.owner == owner:
            return row
        if owner and not Membership.objects.filter(person__email=owner, person__is_active=True).exists():
            raise InputError("owner", f"{owner!r} is no member", "name a member by mail address")
        before = {"owner": row.owner}
        row.owner, row.changed_at = owner, timezone.now()
        row.save(update_fields=["owner", "changed_at"])
        change.act("exception.assign", _target(row), before, {"owner": owner})
        return row


def _locked(exception_id: UUID) -> BillException | None:
    return BillException.objects.select_for_update().filter(pk=exception_id).first()


def _must_be_open(row: BillException) -> None:
    if not row.is_open:
        raise InputError("exception", f"is {row.state} already")


def importers(row: BillException) -> list[tuple[str, int | None]]:
    """By name and person, whose files say what the exception is about; nobody's when the provider was asked."""
    rows = BilledRow.objects.filter(account_id=row.account_id, day=row.day, replaced_by=None)
    runs = Run.objects.filter(pk__in=rows.values("run_id"), connector=CSV)
    return list(runs.values_list("asked_by", "asker_id"))


def _must_be_seen(row: BillException, changed_at: str | None) -> None:
    if changed_at is None:
        return
    try:
        seen = datetime.fromisoformat(changed_at)
    except ValueError:
        raise InputError("changed_at", "is no time", "send the exception's own, as it was shown") from None
    if seen != row.changed_at:
        raise InputError("changed_at", "it has changed since it was shown", "look at it again")


def _no_own(change: Change, row: BillException) -> None:
    if not any(change.may_be(*one) for one in importers(row)):
        return
    members = Membership.objects.select_related("custom_role", "person").filter(person__is_active=True)
    others = (one for one in members if change.member is None or one.pk != change.member.pk)
    if any(Right.RECONCILE_APPROVE in one.rights for one in others):
        raise PermissionDenied(
            "somebody else must approve what you imported yourself: signed in, or with a key of their own"
        )


def _settle(change: Change, row: BillException, state: str, reason: str) -> None:
    row.state, row.reason, row.settled_by = state, reason, change.actor[:300]
    row.settled_at = row.changed_at = timezone.now()
    row.save(update_fields=["state", "reason", "settled_by", "settled_at", "changed_at"])


def _checked(reason: str, *, needed: bool) -> str:
    reason = reason.strip()
    if needed and not reason:
        raise InputError("reason", "is missing", "say why, in a sentence")
    if len(reason) > 500 or "\x00" in reason:
        raise InputError("reason", "must be at most 500 characters")
    return reason


def _target(row: BillException) -> str:
    return f"{row.account}/{row.day}/{row.model or 'costs'}/{row.cause}"


def _told(row: BillException) -> dict[str, Any]:
    return {
        "exception": str(row.pk),
        "money_nano": row.money_nano,
        "currency": row.currency,
        "reason": row.reason,
    }
