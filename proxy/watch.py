"""Calls whose key is taken away while they run: suspended, revoked, or its project or organization gone.

Each renewal of leases tells the newest versions. Only where one is newer than what a call was judged by is anything
read again, beside the renewals, and only a call whose key would be refused now is ended.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from orbit.lib.errors import OrbitError
from proxy.admission import Admission
from proxy.checks import check_principal
from proxy.snapshot import Snapshots
from proxy.supervisor import Supervisor
from quotas.engine import Renewal

logger = logging.getLogger(__name__)

AT_ONCE = 50  # keys that are read again together


@dataclass
class Watch:
    snapshots: Snapshots
    supervisor: Supervisor
    looking: dict[int, asyncio.Task[None]] = field(default_factory=dict)  # by shard

    def told(self, shard: int, admissions: Iterable[Admission], renewal: Renewal) -> None:
        """Looks after the calls of a shard that were judged by something older. What fails, the next renewal repeats."""
        if shard in self.looking:
            return
        doubtful: dict[bytes, list[Admission]] = {}
        for one in admissions:
            if _is_old(one, renewal):
                doubtful.setdefault(one.call.principal.digest, []).append(one)
        if doubtful:
            task = self.supervisor.spawn(self._look(list(doubtful.values()), renewal), "watch")
            self.looking[shard] = task
            task.add_done_callback(lambda _: self.looking.pop(shard, None))

    async def _look(self, by_key: Sequence[list[Admission]], renewal: Renewal) -> None:
        for start in range(0, len(by_key), AT_ONCE):
            some = by_key[start : start + AT_ONCE]
            try:
                await asyncio.gather(*(self._judge(one, renewal) for one in some))
            except OrbitError as error:
                logger.warning("keys of running calls are not looked at: %s", error.message)
                return

    async def _judge(self, admissions: Sequence[Admission], renewal: Renewal) -> None:
        """The calls of one key, by what is newest of it."""
        known = admissions[0].call.principal
        version, generation = renewal.versions[known.organization.id], renewal.generations[known.key.id]
        principal = await self.snapshots.at_least(known, version, generation)
        try:
            judged = check_principal(principal)
        except OrbitError as error:
            for one in admissions:
                one.withdraw(error)
        else:
            for one in admissions:
                one.judged = (judged.organization.version, judged.key.generation)


def _is_old(admission: Admission, renewal: Renewal) -> bool:
    if admission.withdrawn is not None:
        return False
    principal = admission.call.principal
    version, generation = admission.judged
    newest = renewal.versions.get(principal.organization.id)
    if newest is None or newest > max(version, principal.organization.version):
        return True
    newest = renewal.generations.get(principal.key.id)
    return newest is None or newest > max(generation, principal.key.generation)
