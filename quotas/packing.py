"""RESERVE and SETTLE as bytes: what never changes of a chain is packed once, a call fills in its figures.

Redis's wire format: an array of bulk strings, `*3\\r\\n$3\\r\\nGET…`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import hiredis

from quotas.limits import ANY_USER, Amounts

Argument = str | bytes | int

_SLOT = ANY_USER.encode()


def bulks(*values: Argument) -> bytes:
    """A command without the line that counts its parts."""
    packed: bytes = hiredis.pack_command(values)  # type: ignore[arg-type]
    return packed[packed.index(b"\n") + 1 :]


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
            head=b"*%d\r\n" % (3 + count + 15) + bulks("EVALSHA", digest, count, *keys[:3]),
            middle=bulks(*keys[3:], *counters),
            limits=bulks(limits),
        )

    @classmethod
    def settle(cls, digest: str, keys: Sequence[str], counters: Sequence[str], limits: bytes) -> Template:
        """`keys` are meta, leases and stream of settle.lua; the tombstone's is of the call."""
        count = len(keys) + 2 + len(counters)
        return cls(
            head=b"*%d\r\n" % (3 + count + 12) + bulks("EVALSHA", digest, count, keys[0]),
            middle=bulks(keys[2], *counters),
            limits=bulks(limits),
        )

    def fill_reserve(self, lease_key: str, user: str, call: Sequence[Argument], amounts: Amounts) -> bytes:
        middle = self.middle.replace(_SLOT, user.encode()) if user else self.middle
        figures = (amounts.input_tokens, amounts.output_tokens, amounts.cost_nano)
        return b"".join((self.head, bulks(lease_key), middle, bulks(*call, *figures), self.limits))

    def fill_settle(
        self, lease_key: str, leases: str, tombstone: str, user: str, call: Sequence[Argument], used: Amounts
    ) -> bytes:
        middle = self.middle.replace(_SLOT, user.encode()) if user else self.middle
        keys = bulks(lease_key, leases, tombstone)
        figures = bulks(used.input_tokens, used.output_tokens, used.cost_nano, 0, 0, 0)
        return b"".join((self.head, keys, middle, bulks(*call), self.limits, figures))
