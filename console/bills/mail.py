"""Mail about what reconciliation found and must not wait: traffic outside of the gateway, prices that are not the book's."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.urls import reverse

from billing.models import BillException
from billing.reconcile.sides import MEANINGS, Cause
from orbit.lib import access, money
from tenants.models import Membership, Organization
from tenants.rights import Right, may

MOST = 50  # people that are written to
SUBJECTS = {Cause.OUTSIDE: "Usage outside of the gateway", Cause.PRICE: "Another price than the price book's"}


def tell(organization_id: UUID, exception_id: UUID) -> int:
    """To those who may settle it; returns how many. One that was settled meanwhile is told to nobody."""
    with access.scope(organization_id=organization_id):
        row = BillException.objects.filter(pk=exception_id).first()
        if row is None or not row.is_open:
            return 0
        organization = Organization.objects.get()
        to = _able()
    if not to:
        return 0
    cause = Cause(row.cause)
    subject = f"{SUBJECTS.get(cause, str(cause))} ({organization.name})".replace("\n", " ")
    link = settings.ORBIT_PUBLIC_URL + reverse("bill_exception", args=[organization.slug, row.pk])
    body = (
        f"{MEANINGS[cause].capitalize()}.\n\nProvider account {row.account}, model {row.model or '-'}, {row.day} (UTC): "
        f"{money.amount(row.money_nano)} {row.currency} more than our ledger has.\n{row.note}\n\n{link}\n"
    )
    return get_connection().send_messages([EmailMessage(subject, body, None, [one]) for one in to]) or 0


def _able() -> list[str]:
    members = Membership.objects.select_related("person", "custom_role").filter(person__is_active=True)
    return [one.person.email for one in members.order_by("pk") if may(one, Right.RECONCILE_APPROVE)][:MOST]
