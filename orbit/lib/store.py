"""redis-py for everything off the hot path."""

from __future__ import annotations

import functools

from django.conf import settings
from redis import Redis


@functools.cache
def _client(url: str) -> Redis:
    return Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)


def client() -> Redis:
    """This process's pool of connections to REDIS_URL."""
    return _client(settings.REDIS_URL)
