"""Limits as the dashboard shows them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from redis.exceptions import RedisError

from quotas.limits import SMOOTH_US
from quotas.status import LimitStatus, limits_over, organization_limits

logger = logging.getLogger(__name__)

SCALE = 1000  # of the bar's drawing
SHOWN = 50  # a policy on thousands of keys has thousands of limits
_NEARLY = 0.8
_LEVELS = ("organization", "project", "key", "end_user")


@dataclass(frozen=True, slots=True)
class LimitBar:
    """`size` is what a full bar stands for: the limit, or the burst of a limit that refills all the time."""

    status: LimitStatus
    smooth: bool
    size: int
    spent: float
    held: float
    state: str  # "free", "nearly" or "full"


@dataclass(frozen=True, slots=True)
class Limits:
    """`bars` are the fullest limits by level and object; `more` counts those that are left out.

    `each_user` are the limits on each end user: so many bars that there are none.
    """

    bars: list[LimitBar]
    more: int
    each_user: list[LimitStatus]


def limits(
    organization_id: UUID, only: Mapping[str, Sequence[Any]] | None = None, *, mine: bool = False
) -> Limits | None:
    """Spent, held and free of the limits that calls in `only` count against; of one's own calls, of those on their keys.

    None while the store does not answer.
    """
    try:
        statuses = (
            limits_over(organization_id, only, keys_alone=mine)
            if only
            else organization_limits(organization_id)
        )
    except (RedisError, OSError) as error:
        logger.warning("limits are not reachable: %s", type(error).__name__)
        return None
    counted = [status for status in statuses if status.counted]
    fullest = sorted((_bar(status) for status in counted), key=lambda bar: -(bar.spent + bar.held))[:SHOWN]
    fullest.sort(key=lambda bar: (_LEVELS.index(bar.status.level), bar.status.object, bar.status.name))
    each_user = [status for status in statuses if not status.counted]
    return Limits(fullest, len(counted) - len(fullest), each_user)


def _bar(status: LimitStatus) -> LimitBar:
    smooth = status.per in SMOOTH_US
    size = status.spent + status.held + status.free if smooth else status.limit
    spent = min(1.0, status.spent / size) if size else 1.0
    held = min(1.0 - spent, status.held / size) if size else 0.0
    full = status.free <= 0 and not status.shadow  # a shadow limit keeps nobody out
    state = "full" if full else "nearly" if spent + held >= _NEARLY else "free"
    return LimitBar(status, smooth, size, round(SCALE * spent, 1), round(SCALE * held, 1), state)
