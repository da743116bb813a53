"""Contract prices by two people: one proposes, another approves. With ORBIT_PRICE_APPROVAL there is no other way for members."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied

from billing.approval.models import PriceProposal
from orbit.lib.errors import InputError
from quotas.contracts import check_contract, set_contract_price
from tenants.rights import Right
from tenants.schema import values
from tenants.schema.prices import price_path
from tenants.services.saved import Actor, Change, changing, valid

TERMS = ("provider", "model", "account", "rates", "discount_percent", "valid_from", "valid_until", "source")
MOST_OPEN = 200


def propose_price(
    *,
    organization_id: UUID,
    actor: Actor,
    provider: str,
    model: str,
    account: str = "",
    rates: Mapping[str, Any] | None = None,
    discount_percent: Decimal | None = None,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
    source: str = "",
) -> PriceProposal:
    """Checked as a contract price is. Nothing costs otherwise until somebody else approves it."""
    terms: dict[str, Any] = {
        "rates": rates,
        "discount_percent": discount_percent,
        "valid_from": valid_from,
        "valid_until": valid_until,
    }
    with changing(organization_id, actor, Right.PRICES_WRITE) as change:
        change.keep_ceiling()
        check_contract(provider=provider, account=account, **terms)
        if PriceProposal.objects.filter(state=PriceProposal.State.OPEN).count() >= MOST_OPEN:
            raise InputError(
                "model", f"would be more than {MOST_OPEN} open proposals", "decide on some first"
            )
        row = PriceProposal.objects.create(
            organization_id=organization_id,
            provider=provider,
            model=model,
            account=account,
            source=source[:120],
            author=change.actor[:254],
            author_id=change.person_id,
            **terms,
        )
        change.act("price.propose", path_of(row), None, _told(row))
    return row


def approve_price(
    *, organization_id: UUID, actor: Actor, proposal_id: UUID, reason: str = ""
) -> PriceProposal:
    """Agrees on the terms, which hold from the next call on, or from their own day. Not by who proposed them."""
    with changing(organization_id, actor, Right.PRICES_WRITE) as change:
        row = _open(proposal_id)
        if change.may_be(row.author, row.author_id):
            raise PermissionDenied(
                "somebody else than who proposed it must approve it: signed in, or with a key of their own"
            )
        saved = set_contract_price(
            organization_id=organization_id,
            actor=actor,
            is_approved=True,
            **{name: getattr(row, name) for name in TERMS},
        )
        row.price_id = saved.row.pk
        _decide(change, row, PriceProposal.State.APPROVED, reason)
        change.act("price.approve", path_of(row), None, {**_told(row), "author": row.author})
    return row


def refuse_price(*, organization_id: UUID, actor: Actor, proposal_id: UUID, reason: str) -> PriceProposal:
    """Also by who proposed it, who takes it back so."""
    valid("reason", values.notice, reason)
    with changing(organization_id, actor, Right.PRICES_WRITE) as change:
        row = _open(proposal_id)
        _decide(change, row, PriceProposal.State.REFUSED, reason)
        change.act("price.refuse", path_of(row), None, {**_told(row), "reason": reason})
    return row


def path_of(row: PriceProposal) -> str:
    """As acts name contract prices."""
    return price_path(row.provider, row.model, row.account, row.valid_from)


def _open(proposal_id: UUID) -> PriceProposal:
    row = PriceProposal.objects.filter(pk=proposal_id).first()
    if row is None:
        raise InputError("proposal", "there is no such proposal")
    if row.state != PriceProposal.State.OPEN:
        raise InputError("proposal", f"was {row.state} by {row.decided_by}", "propose the terms anew")
    return row


def _decide(change: Change, row: PriceProposal, state: PriceProposal.State, reason: str) -> None:
    row.state, row.decided_by, row.reason = state, change.actor[:254], reason[:500]
    row.decided_at = datetime.now(UTC)
    row.save(update_fields=["state", "decided_by", "decided_at", "reason", "price_id"])


def _told(row: PriceProposal) -> dict[str, Any]:
    percent = row.discount_percent
    return {
        "rates": row.rates,
        "discount_percent": None if percent is None else f"{percent.normalize():f}",
        "valid_until": row.valid_until,
        "source": row.source,
    }
