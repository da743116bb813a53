"""The canonical form is one and the same, however it is written."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from audit import chain
from tests.audit.conftest import Feed


def slowly(event: dict[str, Any]) -> bytes:
    """As it was defined when the first event was hashed."""
    kept = {name: value for name, value in event.items() if name != "hash"}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


ODD: list[Any] = [
    0.1, 1e16, 1e15, 1e-5, 0.0001, 1.5e300, -0.0, 5e-324, 2**63, 2**64, -(2**63), 2**200, True, None, "", "\x7f",
    "\x00\x1f\b\t\n\f\r\"\\/", "é€😀\u2028", "1.5", ":1.5e3", ",2e9", [], {}, [1.0], {"a": {"b": [0.00001]}}, [[[1e22]]],
    {"é": 1, "z": 2, "😀": 3, "\uffff": 4, "A": 5},
]  # fmt: skip


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_every_odd_value_is_written_as_it_always_was(value: Any) -> None:
    event = {"b": value, "a": [value, value], "hash": "x", "seq": 1}
    assert chain.canonical(event) == slowly(event)


def test_very_deep_nesting_is_written_as_it_always_was() -> None:
    deep: Any = "x"
    for _ in range(400):
        deep = {"a": [deep]}
    assert chain.canonical(deep) == slowly(deep)


def test_ten_thousand_generated_events_are_written_as_they_always_were() -> None:
    chance = random.Random(20261130)

    def value(depth: int) -> Any:
        kind = chance.randrange(8 if depth else 5)
        if kind == 0:
            return chance.randrange(-(2**70), 2**70) >> chance.randrange(70)
        if kind == 1:
            return "".join(
                chr(chance.choice((chance.randrange(0xD800), chance.randrange(128)))) for _ in range(5)
            )
        if kind == 2:
            return chance.choice((True, False, None))
        if kind == 3:
            return chance.uniform(-1, 1) * 10 ** chance.randrange(-20, 20)
        if kind == 4:
            return chance.choice(ODD)
        if kind == 5:
            return [value(depth - 1) for _ in range(3)]
        return {str(value(0)): value(depth - 1) for _ in range(3)}

    for _ in range(10_000):
        event = {f"f{number}": value(2) for number in range(3)}
        assert chain.canonical(event) == slowly(event)


@pytest.mark.parametrize(
    "number", ["1e16", "1.5e300", "-0.0", "0.00001", "123456789012345678901234567890", "0.1", "7"]
)
def test_hash_is_the_same_once_the_database_had_the_number(feed: Feed, number: str) -> None:
    event = json.dumps(feed.call(detail={"usage": "NUMBER"})).replace('"NUMBER"', number)
    feed.send(event)
    feed.write()
    last = feed.exported()[-1]
    assert last["kind"] == "call"
    assert chain.link(last) == last["hash"]
