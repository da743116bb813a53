"""The page of one member: their role, their own keys, and what these cost. Everybody sees their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from console.access import organization_page
from console.glances import NOTHING, Glance, Row, glances, month_spend
from tenants.key_list import Selection, selected
from tenants.models import ApiKey, Membership, Organization
from tenants.rights import Right, may

SHOWN = 50  # keys
_MOST_KEYS = 10_000  # whose spend is added up for a list


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def member_page(request: HttpRequest, membership: Membership, member_id: UUID) -> HttpResponse:
    is_self = member_id == membership.pk
    if not is_self and not may(membership, Right.MEMBERS_READ):
        raise PermissionDenied
    member = Membership.objects.select_related("person", "custom_role").filter(pk=member_id).first()
    if member is None:
        raise Http404
    organization = membership.organization
    may_see = is_self or (may(membership, Right.KEYS_READ) and may(membership, Right.USAGE_READ))
    keys = selected(Selection()).filter(person=member.person_id).order_by("-id")
    rows = list(keys[: SHOWN + 1]) if may_see else []
    did = glances(organization, "key_id", [key.pk for key in rows[:SHOWN]]) if rows else {}
    every = ApiKey.objects.filter(person=member.person_id).values("pk")
    shown = {
        "organization": organization,
        "member": member,
        "is_self": is_self,
        "may_see": may_see,
        "may_read_keys": may(membership, Right.KEYS_READ),
        "rights": sorted(member.rights),
        "rows": [Row(key, did.get(key.pk, NOTHING)) for key in rows[:SHOWN]],
        "more": len(rows) > SHOWN,
        "spend": month_spend(organization, every) if may_see else NOTHING,
    }
    with timezone.override(ZoneInfo(organization.time_zone)):
        return render(request, "console/member.html", shown)


def spend_of(organization: Organization, people: Collection[int]) -> Mapping[int, Glance]:
    """What the keys of each cost this month, by person."""
    owned = dict(
        ApiKey.objects.filter(person__in=people).order_by("-id").values_list("pk", "person")[:_MOST_KEYS]
    )
    found: dict[int, Glance] = {}
    for key_id, did in glances(organization, "key_id", owned).items():
        before = found.get(owned[key_id], NOTHING)
        found[owned[key_id]] = Glance(
            calls=before.calls + did.calls,
            failed=before.failed + did.failed,
            cost_nano=before.cost_nano + did.cost_nano,
        )
    return found
