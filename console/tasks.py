"""What pages ask for and nobody should wait for."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from console import exports


@shared_task(name="console.tasks.make_export", time_limit=300)
def make_export(organization_id: str, person_id: int, export_id: str) -> str:
    """May run twice: the second time it finds the file made."""
    return exports.make(UUID(organization_id), person_id, export_id)
