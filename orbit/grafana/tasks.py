"""Folders in Grafana follow the organizations: soon after a change, and once in a while all of them."""

from __future__ import annotations

import logging
import time
from typing import Any
from uuid import UUID

from celery import shared_task

from orbit.grafana import folders
from orbit.grafana.api import GrafanaError, connected, is_set_up

logger = logging.getLogger(__name__)

ROUND_S = 600.0  # of a round, well below its time limit
TRIES = 6  # over some twenty minutes; then the next round over all comes to it


@shared_task(name="orbit.grafana.tasks.follow", bind=True, max_retries=TRIES, time_limit=120)
def follow(self: Any, organization_id: str) -> None:
    """One organization's. What was done just so lately is not done again; a Grafana that is away is not waited for."""
    if not is_set_up():
        return
    todo = [one for one in folders.wanted([UUID(organization_id)]) if not folders.is_known(one)]
    if not todo:
        return
    if folders.is_away() or not _put(todo):
        raise self.retry(countdown=20 * 2**self.request.retries)


def _put(todo: list[folders.Wanted]) -> bool:
    try:
        with connected() as grafana:
            for one in todo:
                folders.put(grafana, one)
                folders.remember(one)
    except GrafanaError as error:
        _heed(error)
        return False
    return True


def _heed(error: GrafanaError, of: str = "") -> None:
    logger.warning("Grafana %s%s", error, of)
    if error.away:
        folders.remember_away()


@shared_task(name="orbit.grafana.tasks.follow_all", time_limit=900)
def follow_all() -> int:
    """Every organization's; how many had something to be done. What Grafana refuses of one keeps no other waiting.

    A round that ends early, for Grafana is away or slow, is gone on with by the next one.
    """
    if not is_set_up():
        return 0
    changed, ends = 0, time.monotonic() + ROUND_S
    with connected() as grafana:
        for id_ in folders.in_turn():
            for one in folders.wanted([id_]):  # as it is by now
                try:
                    changed += bool(folders.put(grafana, one))
                    folders.remember(one)
                except GrafanaError as error:
                    _heed(error, f" (organization {one.slug})")
                    if error.away:
                        folders.remember_end(one.slug)
                        return changed
                if time.monotonic() > ends:
                    folders.remember_end(one.slug)
                    return changed
    folders.remember_end("")
    return changed
