"""Django's Redis cache, which may share its server with the limits' counters."""

from __future__ import annotations

from django.core.cache.backends.redis import RedisCache


class SharedRedisCache(RedisCache):
    """`clear` removes the cache's own entries; Django's would empty the whole database, counters included."""

    def clear(self) -> None:
        client = self._cache.get_client(write=True)
        for key in client.scan_iter(match=f"{self.key_prefix}:*", count=1000):
            client.unlink(key)
