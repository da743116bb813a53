"""Mails to operators about the ledger: one when an incident begins, one when it is over."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.dispatch import receiver

from audit.incidents import began, ended
from audit.models import Incident
from tenants.models import Person


@receiver(began)
def tell_beginning(incident: Incident, **_: Any) -> None:
    _tell(
        f"The ledger: {incident.get_kind_display()}",
        f"{incident.words}\n\nSince {incident.started_at:%Y-%m-%d %H:%M:%S} UTC. Nothing is lost while it waits. Calls whose policy requires an audit "
        'trail may be refused until it is over.\n\nWhat to look at: docs/ledger.md, "When the ledger cannot follow".',
    )


@receiver(ended)
def tell_end(incident: Incident, **_: Any) -> None:
    _tell(
        f"Over: the ledger: {incident.get_kind_display()}",
        f"It lasted from {incident.started_at:%Y-%m-%d %H:%M:%S} to {incident.ended_at:%Y-%m-%d %H:%M:%S} UTC. At its worst: {incident.words}",
    )


def _tell(subject: str, words: str) -> None:
    operators = list(
        Person.objects.filter(is_superuser=True, is_active=True)
        .order_by("pk")
        .values_list("email", flat=True)
    )
    for address in operators:
        send_mail(subject, f"{words}\n\n{settings.ORBIT_PUBLIC_URL}/admin/audit/incident/", None, [address])
