"""What providers keep for a project: noted before its id is given out, forgotten with the object.

The data plane's own book-keeping, not an act of anybody: it leaves no event and raises no version.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from orbit.lib import access
from tenants.models import ProviderObject

KEPT = timedelta(days=31)  # OpenAI keeps responses for 30 days


def keep_objects(
    *,
    organization_id: UUID,
    project_id: UUID,
    key_id: UUID,
    account_id: UUID,
    model: str,
    response_id: str,
    objects: Mapping[str, str],
) -> None:
    """`objects` are the kinds of a response and its items, by id. What is known already stays its first owner's."""
    expires_at = datetime.now(UTC) + KEPT
    rows = [
        ProviderObject(
            organization_id=organization_id,
            project_id=project_id,
            key_id=key_id,
            account_id=account_id,
            kind=kind,
            object_id=object_id,
            response_id=response_id,
            model=model,
            expires_at=expires_at,
        )
        for object_id, kind in objects.items()
    ]
    with access.scope(organization_id=organization_id):
        ProviderObject.objects.bulk_create(rows, ignore_conflicts=True)


def owned_objects(*, organization_id: UUID, project_id: UUID, ids: Collection[str]) -> list[ProviderObject]:
    """Those of these ids that the project owns."""
    with access.scope(organization_id=organization_id):
        return list(
            ProviderObject.objects.filter(
                organization_id=organization_id,
                project_id=project_id,
                object_id__in=ids,
                expires_at__gt=datetime.now(UTC),
            )
        )


def forget_response(*, organization_id: UUID, account_id: UUID, response_id: str) -> None:
    """The response and its items."""
    with access.scope(organization_id=organization_id):
        ProviderObject.objects.filter(
            organization_id=organization_id, account_id=account_id, response_id=response_id
        ).delete()
