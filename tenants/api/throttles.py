"""How often one credential may ask: so many requests in each minute of the clock."""

from __future__ import annotations

import logging
import time
from hashlib import sha256

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from tenants.callers import Caller

logger = logging.getLogger(__name__)
MINUTE = 60


class CallerThrottle(BaseThrottle):
    """ORBIT_API_RATE requests a minute. Without the store nobody is kept out: this guards no budget."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.user, Caller):
            return True
        try:
            return _counted(request.user) <= settings.ORBIT_API_RATE
        except (RedisError, OSError) as error:
            logger.warning("requests are not counted: %s", type(error).__name__)
            return True

    def wait(self) -> float:
        return MINUTE - time.time() % MINUTE


def _counted(caller: Caller) -> int:
    who = sha256(f"{caller.organization_id}\n{caller.name}".encode()).hexdigest()[:32]
    key = f"api:{who}:{int(time.time() // MINUTE)}"
    cache.add(key, 0, timeout=2 * MINUTE)
    return int(cache.incr(key))
