"""The cache shares Redis with the counters and leaves them alone."""

from django.core.cache import cache

from orbit.lib.store import client


def test_clearing_the_cache_keeps_everything_else() -> None:
    cache.set("mine", 1)
    client().set("orbit:{0}:test-of-the-cache", 1)
    cache.clear()
    assert cache.get("mine") is None
    assert client().delete("orbit:{0}:test-of-the-cache") == 1
