"""RESERVE and SETTLE as bytes: what never changes of a chain is packed once, a call fills in its figures.

Redis's wire format: an array of bulk strings, `*3\\r\\n$3\\r\\nGET…`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quotas.limits import ANY_USER, Amounts

Argument = str | bytes | int

_SLOT = ANY_USER.encode()


def bulk(value: Argument) -> bytes:
    if not isinstance(value, bytes):
        value = str(value).encode()
    return b"$%d\r\n%b\r\n" % (len(value), value)


def bulks(values: Iterable[Argument]) -> bytes:
    return b"".join([bulk(value) for value in values])


@dataclass(frozen=True, slots=True)
class Template:
    """A script's call: `head`, the lease's key, `middle`, what is of the call, `limits`."""

    head: bytes
    middle: bytes
    limits: bytes

    @classmethod
    def reserve(cls, digest: str, keys: Sequence[str], counters: Sequence[str], limits: bytes) -> Template:
        """`keys` are KEYS 1 to 6 of reserve.lua with the lease's left out."""
        count = len(keys) + 1 + len(counters)
        return cls(
            head=b"*%d\r\n" % (3 + count + 15) + bulks(["EVALSHA", digest, count, *keys[:3]]),
            middle=bulks([*keys[3:], *counters]),
            limits=bulk(limits),
        )

    @classmethod
    def settle(cls, digest: str, keys: Sequence[str], counters: Sequence[str], limits: bytes) -> Template:
        """`keys` are meta, leases and stream of settle.lua; the tombstone's is of the call."""
        count = len(keys) + 2 + len(counters)
        return cls(
            head=b"*%d\r\n" % (3 + count + 12) + bulks(["EVALSHA", digest, count, keys[0]]),
            middle=bulks([keys[2], *counters]),
            limits=bulk(limits),
        )

    def fill_reserve(self, lease_key: str, user: str, call: Sequence[Argument], amounts: Amounts) -> bytes:
        middle = self.middle.replace(_SLOT, user.encode()) if user else self.middle
        return b"".join((self.head, bulk(lease_key), middle, bulks(call), _amounts(amounts), self.limits))

    def fill_settle(
        self, lease_key: str, leases: str, tombstone: str, user: str, call: Sequence[Argument], used: Amounts
    ) -> bytes:
        middle = self.middle.replace(_SLOT, user.encode()) if user else self.middle
        keys = bulks((lease_key, leases, tombstone))
        return b"".join((self.head, keys, middle, bulks(call), self.limits, _amounts(used), _NOTHING))


def _amounts(amounts: Amounts) -> bytes:
    return bulks((amounts.input_tokens, amounts.output_tokens, amounts.cost_nano))


_NOTHING = bulks((0, 0, 0))
