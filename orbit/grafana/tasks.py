"""Folders in Grafana follow the organizations: soon after a change, and once in a while all of them."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from celery import shared_task

from orbit.grafana import folders
from orbit.grafana.api import GrafanaError, connected, is_set_up

logger = logging.getLogger(__name__)

TRIES = 6  # over some twenty minutes; then the next round over all comes to it


@shared_task(name="orbit.grafana.tasks.follow", bind=True, max_retries=TRIES, time_limit=120)
def follow(self: Any, organization_id: str) -> None:
    """One organization's. What was done just so lately is not done again."""
    if not is_set_up():
        return
    todo = [one for one in folders.wanted([UUID(organization_id)]) if not folders.is_known(one)]
    if not todo:
        return
    try:
        with connected() as grafana:
            for one in todo:
                folders.put(grafana, one)
                folders.remember(one)
    except GrafanaError as error:
        logger.warning("Grafana %s", error)
        raise self.retry(countdown=20 * 2**self.request.retries) from None


@shared_task(name="orbit.grafana.tasks.follow_all", time_limit=900)
def follow_all() -> int:
    """Every organization's; how many had something to be done. What Grafana refuses of one keeps no other waiting."""
    if not is_set_up():
        return 0
    changed = 0
    with connected() as grafana:
        for one in folders.wanted():
            try:
                done = folders.put(grafana, one)
                folders.remember(one)
            except GrafanaError as error:
                logger.warning("Grafana %s (organization %s)", error, one.slug)
                if error.away:
                    break
                continue
            changed += bool(done)
    return changed
