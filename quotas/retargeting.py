"""An open lease on its way to the limits of another target: what RETARGET is given, what it said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson

from quotas import keys
from quotas.chain import Chain, Lease, kind_of, mark_identity, spec_of
from quotas.limits import ANY_USER, Amounts, Limit
from quotas.packing import Argument


@dataclass(frozen=True, slots=True)
class Move:
    """`chain` is of the new target, in the windows of the lease's admission: there it holds, and is charged."""

    lease: Lease
    chain: Chain
    user: str
    amounts: Amounts

    @classmethod
    def of(cls, lease: Lease, chain: Chain, end_user: str | None, amounts: Amounts) -> Move:
        chain = chain.as_of(lease.admitted_us)
        return cls(lease, chain, chain.user(end_user), amounts)

    @property
    def which(self) -> tuple[int, ...]:
        return self.chain.present(self.lease.admitted_us)

    def script_keys(self) -> list[str]:
        """KEYS of retarget.lua as far as they do not depend on what else holds the lease."""
        shard, chain = self.chain.shard, self.chain
        found = [
            keys.meta(shard),
            keys.version(shard, chain.organization_id),
            keys.generation(shard, chain.key_id),
            keys.lease(shard, self.lease.id),
            keys.leases(shard),
            keys.refused(shard),
        ]
        for (limit, counter), pair, window in zip(self._named(), chain.windows, self.which, strict=True):
            found.append(counter)
            if limit.user == ANY_USER:
                found.append(keys.mark(shard, mark_identity(limit), pair[window].start if pair else None))
        return found

    def limits(self) -> list[Argument]:
        """ARGV 13 to 15."""
        lines = [
            f"{counter} {orjson.dumps(spec_of(limit, pair)).decode()}\n"
            for (limit, counter), pair in zip(self._named(), self.chain.windows, strict=True)
            if kind_of(limit) != "r"
        ]
        taken = [counter for limit, counter in _named(self.lease) if kind_of(limit) == "r"]
        return [self.chain.spec(), "".join(["=\n", *lines]), "\n".join(taken)]

    def moved(self, figures: Sequence[int]) -> Lease:
        """The lease as the store has it now, `figures` being used and held of each limit."""
        which = self.which
        triples = [
            one for i, window in enumerate(which) for one in (window, figures[2 * i], figures[2 * i + 1])
        ]
        return replace(
            self.lease, chain=self.chain, user=self.user, amounts=self.amounts, figures=tuple(triples)
        )

    def moved_locally(self) -> Lease | None:
        """Of a call that was admitted while the store was away: what its share of the same limits covers already."""
        before, after = _named(self.lease), self._named()
        same = {counter for _, counter in before} == {counter for _, counter in after}
        held, asked = self.lease.amounts, [limit.meter for limit, _ in after if not limit.shadow]
        if not same or any(self.amounts.of(meter) > held.of(meter) for meter in asked):
            return None
        return replace(self.lease, chain=self.chain, amounts=self.amounts)

    def _named(self) -> list[tuple[Limit, str]]:
        return self.chain.named(self.which, self.user)


def _named(lease: Lease) -> list[tuple[Limit, str]]:
    return lease.chain.named(lease.which, lease.user)
