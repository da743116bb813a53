"""An organization that is new, renamed or purged has its folder in Grafana soon; a worker sees to it."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from django.dispatch import receiver
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from orbit.grafana.api import is_set_up
from orbit.grafana.tasks import follow
from tenants.signals import organization_changed

logger = logging.getLogger(__name__)

# Whoever made the change waits meanwhile. (`retry=False` would have kombu look for a broker that is away for seconds.)
ONCE = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.1}


@receiver(organization_changed)
def _changed(organization_id: UUID, **_: Any) -> None:
    """A queue that is away must not undo what was decided; the round over all makes up for it."""
    if not is_set_up():
        return
    try:
        follow.apply_async((str(organization_id),), retry_policy=ONCE)
    except (OperationalError, RedisError) as error:
        logger.warning("grafana-not-told %s", type(error).__name__)
