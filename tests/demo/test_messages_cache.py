"""What the Messages format reads from its prompt cache and writes to it, and what that costs."""

from typing import Any

import pytest
from anthropic import Anthropic

from orbit.demo.provider.messages_cache import BreakpointCache, CacheUse
from orbit.demo.provider.messages_prompt import Segment
from orbit.demo.provider.process import ProviderHandle


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _segments(*blocks: tuple[str, int, str | None]) -> list[Segment]:
    return [Segment(name.encode(), size, ttl) for name, size, ttl in blocks]


def test_what_was_written_is_read_until_it_lapses() -> None:
    clock = Clock()
    cache = BreakpointCache(clock)
    marked = _segments(("a", 2_000, "5m"), ("b", 10, None))
    assert cache.use("m", marked) == CacheUse(0, 2_000, 0)
    clock.now = 299
    assert cache.use("m", marked) == CacheUse(2_000, 0, 0)
    clock.now = 299 + 299  # the read prolonged it
    assert cache.use("m", marked) == CacheUse(2_000, 0, 0)
    clock.now += 301
    assert cache.use("m", marked) == CacheUse(0, 2_000, 0)
    assert cache.use("other", marked) == CacheUse(0, 2_000, 0)


def test_growing_prompt_reads_the_old_part_and_writes_the_new() -> None:
    cache = BreakpointCache(Clock())
    cache.use("m", _segments(("a", 2_000, "5m")))
    assert cache.use("m", _segments(("a", 2_000, None), ("b", 300, "5m"))) == CacheUse(2_000, 300, 0)
    assert cache.use("m", _segments(("x", 2_000, None), ("b", 300, "5m"))) == CacheUse(0, 2_300, 0)


def test_hour_marks_are_written_at_their_own_price() -> None:
    cache = BreakpointCache(Clock())
    marked = _segments(("a", 2_000, "1h"), ("b", 300, "5m"), ("c", 5, None))
    assert cache.use("m", marked) == CacheUse(0, 300, 2_000)


def test_nothing_is_cached_unmarked_or_below_the_smallest_size() -> None:
    cache = BreakpointCache(Clock())
    for blocks in ([("a", 5_000, None)], [("b", 1_023, "5m")]):
        for _ in range(2):
            assert cache.use("m", _segments(*blocks)) == CacheUse()


def test_a_prefix_is_found_up_to_twenty_blocks_back() -> None:
    cache = BreakpointCache(Clock())
    cache.use("m", _segments(("a", 2_000, "5m")))
    more = [(str(number), 1, None) for number in range(30)]
    assert cache.use("m", _segments(("a", 2_000, None), *more[:19], ("z", 1, "5m"))).read == 2_000
    assert cache.use("m", _segments(("a", 2_000, None), *more[5:25], ("z", 1, "5m"))).read == 0


@pytest.mark.parametrize("ttl", ["5m", "1h"])
@pytest.mark.parametrize("stream", [True, False])
def test_cache_is_reported_and_charged(
    claude: Anthropic, provider: ProviderHandle, ttl: str, stream: bool
) -> None:
    text = f"A long and quite unique instruction, {ttl} {stream}. " * 200
    mark = {"type": "ephemeral", "ttl": ttl}
    asked: Any = {"model": "claude-haiku-4-5", "max_tokens": 5}
    asked["system"] = [{"type": "text", "text": text, "cache_control": mark}]
    usages = []
    for question in ("first", "second"):
        messages: Any = [{"role": "user", "content": question}]
        if stream:
            with claude.messages.stream(**asked, messages=messages) as events:
                usages.append(events.get_final_message().usage)
        else:
            usages.append(claude.messages.create(**asked, messages=messages).usage)
    written = usages[0].cache_creation_input_tokens or 0
    assert written == getattr(usages[0].cache_creation, f"ephemeral_{ttl}_input_tokens") > 1_024
    assert (usages[0].cache_read_input_tokens, usages[1].cache_creation_input_tokens) == (0, 0)
    assert usages[1].cache_read_input_tokens == written
    provider.wait_idle()
    first, second = provider.requests()
    assert first["prompt_tokens"] == usages[0].input_tokens + written
    assert first[f"cache_write_{ttl}_tokens"] == second["cached_tokens"] == written
    price = 1_250 if ttl == "5m" else 2_000
    assert first["cost_nano"] == usages[0].input_tokens * 1_000 + written * price + 5 * 5_000
    assert second["cost_nano"] == usages[1].input_tokens * 1_000 + written * 100 + 5 * 5_000
    assert provider.summary()[f"cache_write_{ttl}_tokens"] == written


def test_directives_set_the_caches_share(claude: Anthropic, provider: ProviderHandle) -> None:
    words = "prompt_tokens=100&cached=20&cache_write=30&cache_write_1h=10&tokens=1"
    answer = claude.messages.create(
        model=f"claude-haiku-4-5?{words}", max_tokens=5, messages=[{"role": "user", "content": "Hi"}]
    )
    assert (answer.usage.input_tokens, answer.usage.cache_read_input_tokens) == (40, 20)
    assert answer.usage.cache_creation_input_tokens == 40
    cost = 40 * 1_000 + 20 * 100 + 30 * 1_250 + 10 * 2_000 + 5_000
    assert provider.requests()[0]["cost_nano"] == cost
