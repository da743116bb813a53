"""Who may write for a run: the worker that claimed it last, while nobody gave it up."""

from __future__ import annotations

from django.utils import timezone

from billing.models import Run
from orbit.lib import access


class Lost(Exception):
    """Another worker has the run by now, or it was taken for dead. Nothing more of it may be written."""


def hold(run: Run) -> None:
    """Locks it until the transaction ends, so that nobody takes it over meanwhile. Lost when somebody has already."""
    mine = Run.objects.select_for_update().filter(pk=run.pk, state=run.state, tries=run.tries)
    if not list(mine.values_list("pk", flat=True)):
        raise Lost


def tell(run: Run, **told: object) -> None:
    """Puts down how far it is, in a transaction of its own. Lost when it is somebody else's."""
    told["told_at"] = run.told_at = timezone.now()
    with access.scope(organization_id=run.organization_id):
        mine = Run.objects.filter(pk=run.pk, state=Run.State.RUNNING, tries=run.tries)
        if not mine.update(**told):
            raise Lost
