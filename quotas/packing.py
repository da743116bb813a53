"""RESERVE and SETTLE as bytes: what never changes of a chain is packed once, a call fills in its figures.

Redis's wire format: an array of bulk strings, `*3\\r\\n$3\\r\\nGET…`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quotas.limits import Amounts

Argument = str | bytes | int

EMPTY = b"$0\r\n\r\n"
ONE = b"$1\r\n1\r\n"
ZERO = b"$1\r\n0\r\n"
ESTIMATED = ("tokens", "input_tokens", "output_tokens", "cost")


def bulk(value: Argument) -> bytes:
    if not isinstance(value, bytes):
        value = str(value).encode()
    return b"$%d\r\n%b\r\n" % (len(value), value)


def bulks(values: Iterable[Argument]) -> bytes:
    return b"".join([bulk(value) for value in values])


def fixed(values: Iterable[Argument]) -> bytes:
    """The same, as part of a template."""
    return bulks(values).replace(b"%", b"%%")


def packed_amounts(amounts: Amounts) -> dict[str, bytes]:
    """By meter; a meter that counts calls takes one."""
    given, made = amounts.input_tokens, amounts.output_tokens
    return {
        "calls": ONE,
        "tokens": bulk(given + made),
        "input_tokens": bulk(given),
        "output_tokens": bulk(made),
        "cost": bulk(amounts.cost_nano),
    }


def slot(meter: str) -> str:
    return meter if meter in ESTIMATED else "calls"


@dataclass(frozen=True, slots=True)
class ReserveTemplate:
    """`head`, the lease's key, `middle`, what is of the call, `limits` filled with the needs."""

    head: bytes
    middle: bytes
    limits: bytes
    slots: tuple[str, ...]

    @classmethod
    def make(
        cls,
        digest: str,
        keys: Sequence[str],
        counters: Sequence[str],
        limits: Sequence[tuple[str, list[Argument], list[Argument]]],
    ) -> ReserveTemplate:
        """`keys` are KEYS 1 to 6 with the lease's left out; each limit is its meter, the arguments before and
        after its need."""
        count = len(keys) + 1 + len(counters)
        size = 3 + count + 11 + sum(len(before) + 1 + len(after) for _, before, after in limits)
        return cls(
            head=b"*%d\r\n" % size + bulks(["EVALSHA", digest, count, *keys[:3]]),
            middle=bulks([*keys[3:], *counters]),
            limits=fixed([len(limits)])
            + b"".join(fixed(before) + b"%b" + fixed(after) for _, before, after in limits),
            slots=tuple(slot(meter) for meter, _, _ in limits),
        )

    def fill(self, lease_key: str, call: Sequence[Argument], amounts: Amounts) -> bytes:
        needs = packed_amounts(amounts)
        filled = self.limits % tuple([needs[one] for one in self.slots])
        return b"".join((self.head, bulk(lease_key), self.middle, bulks(call), filled))


@dataclass(frozen=True, slots=True)
class SettleTemplate:
    """`head`, the lease's key, `leases`, the tombstone's key, `middle`, what is of the call, `counters` filled."""

    head: bytes
    leases: bytes
    middle: bytes
    counters: bytes
    slots: tuple[tuple[str, bool], ...]  # meter, and whether anything is charged

    @classmethod
    def make(
        cls, digest: str, meta: str, leases: str, stream: str, held: Sequence[tuple[str, str, str, int, int]]
    ) -> SettleTemplate:
        """Each counter held is its kind, key, meter, limit and period."""
        count = 5 + len(held)
        return cls(
            head=b"*%d\r\n" % (3 + count + 7 + 5 * len(held)) + bulks(["EVALSHA", digest, count, meta]),
            leases=bulk(leases),
            middle=bulks([stream, *(key for _, key, *_ in held)]),
            counters=fixed([len(held)])
            + b"".join(
                fixed([kind]) + b"%b%b" + fixed([limit, period]) for kind, _, _, limit, period in held
            ),
            slots=tuple((slot(meter), kind != "k") for kind, _, meter, _, _ in held),
        )

    def fill(
        self, lease_key: str, tombstone: str, call: Sequence[Argument], held: Amounts, used: Amounts
    ) -> bytes:
        reserved, charged = packed_amounts(held), packed_amounts(used)
        figures: list[bytes] = []
        for meter, counts in self.slots:
            figures.append(reserved[meter])
            figures.append(charged[meter] if counts else ZERO)
        filled = self.counters % tuple(figures)
        return b"".join(
            (self.head, bulk(lease_key), self.leases, bulk(tombstone), self.middle, bulks(call), filled)
        )
