"""Mail about what reconciliation found and must not wait: traffic outside of the gateway, prices that are not the book's."""

from __future__ import annotations

from datetime import timedelta
from smtplib import SMTPException
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.urls import reverse
from django.utils import timezone

from billing.models import BillException
from billing.reconcile.sides import MEANINGS, Cause
from orbit.lib import access, money
from tenants.models import Membership, Organization
from tenants.rights import Right, may

MOST = 50  # people that are written to
LATE = timedelta(minutes=30)  # by then its own task has tried for the last time
GIVEN_UP = timedelta(days=3)  # by then an address that is refused will go on being so
SUBJECTS = {Cause.OUTSIDE: "Usage outside of the gateway", Cause.PRICE: "Another price than the price book's"}


def tell(organization_id: UUID, exception_id: UUID) -> int:
    """To those who may settle it and do not know yet; returns how many. One that was settled meanwhile is told to nobody.

    OSError or SMTPException when somebody could not be written to; the others are not written to again.
    """
    with access.scope(organization_id=organization_id):
        row = BillException.objects.filter(pk=exception_id, mail_waits=True).first()
        if row is None:
            return 0
        organization = Organization.objects.get()
        to = [one for one in _able() if one not in row.mailed_to] if row.is_open else []
    problem: OSError | SMTPException | None = None
    for number, mail in enumerate(_mails(organization, row, to)):
        try:
            mail.send()
        except (OSError, SMTPException) as error:
            problem = error
            continue
        row.mailed_to.append(to[number])
        with access.scope(organization_id=organization_id):
            BillException.objects.filter(pk=row.pk).update(mailed_to=row.mailed_to)
    if problem is not None:
        raise problem
    with access.scope(organization_id=organization_id):
        told = BillException.objects.filter(pk=row.pk, alarmed_nano=row.alarmed_nano)
        told.update(mail_waits=False)
    return len(to)


def waiting() -> list[tuple[UUID, UUID]]:
    """Exceptions whose mail is still to go: the queue was away, or an address. After GIVEN_UP nobody tries any more."""
    with access.operator():
        now = timezone.now()
        rows = BillException.objects.filter(
            mail_waits=True, changed_at__lt=now - LATE, changed_at__gt=now - GIVEN_UP
        )
        return list(rows.order_by("pk").values_list("organization_id", "pk")[:500])


def _mails(organization: Organization, row: BillException, to: list[str]) -> list[EmailMessage]:
    cause = Cause(row.cause)
    subject = f"{SUBJECTS.get(cause, str(cause))} ({organization.name})".replace("\n", " ")
    link = settings.ORBIT_PUBLIC_URL + reverse("bill_exception", args=[organization.slug, row.pk])
    body = (
        f"{MEANINGS[cause].capitalize()}.\n\nProvider account {row.account}, model {row.model or '-'}, {row.day} (UTC): "
        f"{money.amount(row.money_nano)} {row.currency} more than our ledger has.\n{row.note}\n\n{link}\n"
    )
    return [EmailMessage(subject, body, None, [one]) for one in to]


def _able() -> list[str]:
    members = Membership.objects.select_related("person", "custom_role").filter(person__is_active=True)
    return [one.person.email for one in members.order_by("pk") if may(one, Right.RECONCILE_APPROVE)][:MOST]
