"""Mail about requests for more: to those who may answer, and to who asked."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.template.loader import render_to_string
from django.urls import reverse

from orbit.lib import access
from tenants.models import Membership, PolicyRequest
from tenants.rights import Right, may

MOST = 50  # approvers that are written to
State = PolicyRequest.State


def tell(organization_id: UUID, request_id: UUID, state: str) -> int:
    """Of the state in which the news was sent: one that was decided meanwhile asks nobody any more."""
    with access.scope(organization_id=organization_id):
        rows = PolicyRequest.objects.select_related("policy", "organization", "requester")
        asked = rows.filter(pk=request_id).first()
        if asked is None or asked.state != state:
            return 0
        to = _approvers(asked) if state == State.OPEN else _requester(asked)
        path = reverse("requests", args=[asked.organization.slug])
        shown = {"asked": asked, "link": f"{settings.ORBIT_PUBLIC_URL}{path}#request-{asked.pk}"}
        body = render_to_string("console/email/request.txt", shown)
        subject = _subject(asked)
    if not to:
        return 0
    mails = [EmailMessage(subject, body, None, [address]) for address in to]
    return get_connection().send_messages(mails) or 0


def _subject(asked: PolicyRequest) -> str:
    what = asked.model or f"more of {asked.limit}"
    words = {
        State.OPEN: f"{asked.requested_by} asks for {what}",
        State.APPROVED: f"Approved: {what}",
        State.REFUSED: f"Not approved: {what}",
        State.ENDED: f"Ended: {what}",
    }
    return f"{words[State(asked.state)]} ({asked.organization.name})".replace("\n", " ")


def _approvers(asked: PolicyRequest) -> list[str]:
    """Whoever may answer, but not who asked."""
    members = Membership.objects.select_related("person", "custom_role").filter(person__is_active=True)
    others = members.exclude(person_id=asked.requester_id) if asked.requester_id else members
    able = [one.person.email for one in others.order_by("pk") if may(one, Right.POLICIES_WRITE)]
    return able[:MOST]


def _requester(asked: PolicyRequest) -> list[str]:
    """Only a person who still belongs here."""
    if asked.requester_id is None:
        return []
    members = Membership.objects.select_related("person")
    return [one.person.email for one in members.filter(person_id=asked.requester_id, person__is_active=True)]
