"""What has come to its time: objects that providers have let go of, answers kept for repeated creations, keys to be rotated,
requests that were approved for a while, organizations to be purged, sessions that are over, stored contents and data keys.
And files of the ledger, which take long to make."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from celery import shared_task

from orbit.lib import access
from tenants import services
from tenants.api.idempotency import KEPT_FOR
from tenants.models import ApiKey, IdempotentAnswer, PolicyRequest, ProviderObject, ProviderSession
from tenants.oauth import tokens
from tenants.services import announce_due_rotations, due_organizations, purge_organization

CONTENT_ROUNDS = 50  # of an organization in one run, so that none waits for another for long
LATECOMERS = timedelta(days=1)  # longer than a call lasts and its content waits
EXPORT_S = 45.0  # of one run; others' files and tasks have their turn before the next
AT_ONCE = 10_000  # of one organization; what is left, the next run takes


@shared_task(name="tenants.tasks.forget_expired_objects", time_limit=120)
def forget_expired_objects() -> int:
    """Deletes the rows of objects that have outlived their time; returns how many."""
    now, deleted = datetime.now(UTC), 0
    with access.operator():
        expired = ProviderObject.objects.filter(expires_at__lte=now)
        organizations = list(expired.values_list("organization_id", flat=True).distinct())
    for organization_id in organizations:
        with access.scope(organization_id=organization_id):
            rows = ProviderObject.objects.filter(organization_id=organization_id, expires_at__lte=now)
            some = list(rows.values_list("pk", flat=True)[:AT_ONCE])
            deleted += ProviderObject.objects.filter(pk__in=some).delete()[0]
    return deleted


@shared_task(name="tenants.tasks.forget_answers", time_limit=120)
def forget_answers() -> int:
    """Deletes the answers that nobody may repeat any more; returns how many."""
    before = datetime.now(UTC) - KEPT_FOR
    with access.operator():
        old = IdempotentAnswer.objects.filter(created_at__lt=before)
        organizations = list(old.values_list("organization_id", flat=True).distinct())
    deleted = 0
    for organization_id in organizations:
        with access.scope(organization_id=organization_id):
            deleted += IdempotentAnswer.objects.filter(created_at__lt=before).delete()[0]
    return deleted


@shared_task(name="tenants.tasks.forget_expired_tokens", time_limit=120)
def forget_expired_tokens() -> int:
    """Deletes OAuth clients' tokens that have ended; returns how many."""
    return tokens.forget_expired()


@shared_task(name="tenants.tasks.tell_due_rotations", time_limit=120)
def tell_due_rotations() -> int:
    """Puts an act into the ledger for each key whose rotation has come due; returns how many."""
    with access.operator():
        due = ApiKey.objects.filter(
            revoked_at=None, rotation_due_at__lte=datetime.now(UTC), rotation_told_at=None
        )
        organizations = list(due.values_list("organization_id", flat=True).distinct())
    return sum(announce_due_rotations(organization_id=one, actor="schedule") for one in organizations)


@shared_task(name="tenants.tasks.purge_organizations", time_limit=900)
def purge_organizations() -> int:
    """Purges deleted organizations after their grace; returns how many. What is cut short, the next run goes on with."""
    due = due_organizations()
    for organization_id in due:
        purge_organization(organization_id=organization_id, actor="tenants.tasks.purge_organizations")
    return len(due)


@shared_task(name="tenants.tasks.end_requests", time_limit=120)
def end_requests() -> int:
    """Ends approved requests whose time is over; returns how many."""
    now = datetime.now(UTC)
    with access.operator():
        over = PolicyRequest.objects.filter(state=PolicyRequest.State.APPROVED, until__lte=now)
        organizations = list(over.values_list("organization_id", flat=True).distinct())
    return sum(services.end_requests(organization_id=one, now=now) for one in organizations)


@shared_task(name="tenants.tasks.forget_provider_sessions", time_limit=120)
def forget_provider_sessions() -> int:
    """Deletes sessions of identity providers whose cookies are no longer valid, with their tokens; returns how many."""
    now = datetime.now(UTC)
    with access.operator():
        organizations = list(ProviderSession.objects.values_list("organization_id", flat=True).distinct())
    return sum(services.forget_old_sessions(organization_id=one, now=now) for one in organizations)


@shared_task(name="tenants.tasks.forget_contents", time_limit=120)
def forget_contents() -> int:
    """Deletes stored contents that are past their time, that nobody can read any more, or that came after their subject was
    erased; returns how many parts."""
    deleted = 0
    for organization_id in services.organizations_with_old_contents():
        for _ in range(CONTENT_ROUNDS):
            some = services.forget_old_contents(organization_id=organization_id)
            deleted += some
            if not some:
                break
    since = datetime.now(UTC) - LATECOMERS
    for organization_id in services.recent_erasures(since):
        deleted += services.erase_latecomers(organization_id=organization_id, since=since)
    return deleted


@shared_task(name="tenants.tasks.renew_data_keys", time_limit=120)
def renew_data_keys() -> int:
    """Gives organizations a new data key in its time; returns how many were looked at."""
    due = services.data_keys_to_renew()
    for organization_id in due:
        services.renew_data_key(organization_id=organization_id)
    return len(due)


@shared_task(name="tenants.tasks.make_ledger_export", time_limit=240)
def make_ledger_export(organization_id: str, export_id: str) -> bool:
    """Goes on with a file for a while; whether there is more to do, which it then has sent. May run twice at once."""
    ends, which = (
        time.monotonic() + EXPORT_S,
        {"organization_id": UUID(organization_id), "export_id": UUID(export_id)},
    )
    more = True
    while more and time.monotonic() < ends:
        more = services.advance_export(**which)
    if more:
        services.send_export(**which)
    return more


@shared_task(name="tenants.tasks.tend_ledger_exports", time_limit=120)
def tend_ledger_exports() -> int:
    """Deletes files whose time is over, and sends again what nobody works at; returns how many there were."""
    return services.tend_exports()
