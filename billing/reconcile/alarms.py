"""What must not wait for somebody to look: traffic outside of the gateway, and prices that are not the book's.

Both stand in the ledger as acts, and are told when they pass the bar, and again each time their money has doubled.
"""

from __future__ import annotations

from django.db import transaction

from audit.services import record_act
from billing.models import BillException, Comparison
from billing.reconcile.sides import Cause
from billing.signals import alarmed
from orbit.lib import money
from tenants.models import Organization

AGAIN = 2  # times the money that was told
PRICE_SHARE = 0.01  # of our side, beyond which another price is told
ACTIONS = {Cause.OUTSIDE: "reconciliation.outside_traffic", Cause.PRICE: "reconciliation.price_mismatch"}


def look(organization: Organization, row: BillException) -> bool:
    """Whether it is to be told now. Within the organization's scope and transaction, with the row saved."""
    is_news = row.alarmed_nano is None or abs(row.money_nano) > AGAIN * abs(row.alarmed_nano)
    if not is_news or not _is_alarming(row):
        return False
    row.alarmed_nano, row.mail_waits, row.mailed_to = row.money_nano, True, []
    row.save(update_fields=["alarmed_nano", "mail_waits", "mailed_to"])
    record_act(
        organization=organization.slug,
        shard=organization.shard,
        actor="reconciliation",
        action=ACTIONS[Cause(row.cause)],
        target=f"{row.account}/{row.model or 'costs'}",
        after={
            "day": str(row.day),
            "amount": money.amount(row.money_nano),
            "currency": row.currency,
            "tokens": sum(row.tokens.values()),
            "note": row.note,
            "exception": str(row.pk),
        },
    )
    transaction.on_commit(
        lambda: alarmed.send_robust(BillException, organization_id=row.organization_id, exception_id=row.pk),
        using="default",
        robust=True,
    )
    return True


def _is_alarming(row: BillException) -> bool:
    if row.cause == Cause.OUTSIDE:
        return True
    if row.cause != Cause.PRICE:
        return False
    ours = Comparison.objects.filter(account_id=row.account_id, day=row.day, model=row.model).values_list(
        "ours_nano", flat=True
    )
    return abs(row.money_nano) > PRICE_SHARE * max(1, sum(ours))
