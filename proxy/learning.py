"""What each key's calls of each model wrote lately, for policies that reserve what a key usually needs."""

from __future__ import annotations

import asyncio
import logging
import time
from array import array
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connections

from audit.models import Event
from orbit.lib import access
from orbit.lib.errors import OrbitError
from proxy.call import Call
from proxy.providers import PROVIDERS
from proxy.snapshot import Snapshots
from proxy.supervisor import Supervisor
from quotas import tokens

logger = logging.getLogger(__name__)

SAMPLES = 200  # last outputs of a key and model
ENOUGH = 20  # of them, to say what is usual
PERCENT = 95
KEYS = 10_000  # keys and models that one worker remembers
HIDING = 1_000  # models found to charge for what they do not show
OLDEST = timedelta(days=30)  # that is looked for in the ledger
LONGEST_READ_MS = 2_000
ASK_EVERY_S = 0.25
ASK_S = 2.0  # that a call waits for the ledger
METERED = (
    "chat/completions",
    "messages",
)  # formats whose streams show output as it is made, and can be assembled


@dataclass(slots=True)
class Ring:
    """The last outputs, and the figure that 95 of 100 of them do not exceed."""

    values: array[int] = field(default_factory=lambda: array("Q"))
    oldest: int = 0
    usual: int | None = None
    asked_at: float = float("-inf")  # when the ledger was last asked, in monotonic seconds
    asking: asyncio.Task[None] | None = None

    def add(self, value: int) -> None:
        if len(self.values) < SAMPLES:
            self.values.append(value)
        else:
            self.values[self.oldest] = value
            self.oldest = (self.oldest + 1) % SAMPLES
        self.usual = None

    def percentile(self) -> int | None:
        """None with too few samples."""
        count = len(self.values)
        if count < ENOUGH:
            return None
        if self.usual is None:
            self.usual = sorted(self.values)[-(-count * PERCENT // 100) - 1]
        return self.usual


@dataclass
class Outputs:
    """One worker's memory. Where it knows too little of a key and model, the ledger is asked, beside the loop."""

    snapshots: Snapshots
    supervisor: Supervisor
    rings: OrderedDict[tuple[str, str], Ring] = field(default_factory=OrderedDict)
    hiding: OrderedDict[tuple[str, str], None] = field(default_factory=OrderedDict)

    async def ready(self, call: Call) -> None:
        """Lets the ledger be asked first, where this worker does not know enough of a key to say what is usual.

        The model's vocabulary is loaded too: a stream whose first count waits for it runs ahead of its meter.
        """
        policy = call.principal.policy
        if policy is None or policy.output_reserve != "learned":
            return
        await tokens.count_off_loop(" ", call.target.model)
        ring, now = self._ring(call), time.monotonic()
        if ring.asking is None and len(ring.values) < ENOUGH and now - ring.asked_at > ASK_EVERY_S:
            ring.asked_at = now
            name = (call.principal.key.id, call.model)
            ring.asking = self.supervisor.spawn(
                self._warm(ring, call.principal.organization.id, *name), "learn"
            )
        if ring.asking is not None:
            await asyncio.wait({ring.asking}, timeout=ASK_S)

    def learned_output(self, call: Call) -> int | None:
        """Output tokens to reserve for a call that is metered as it streams; None for the full bound."""
        policy = call.principal.policy
        if policy is None or policy.output_reserve != "learned" or call.spoken not in METERED:
            return None
        target = call.target
        if (target.account.id, target.model) in self.hiding:
            return None
        if not PROVIDERS[target.account.kind].shows_output(target.model, call.body):
            return None
        usual = self._ring(call).percentile()
        if usual is None:
            return None
        learned = max(1, usual) * call.choices
        return learned if learned < call.output_most else None

    def note(self, call: Call, output_tokens: int) -> None:
        """A call of such a policy ended well with so much output, of all choices."""
        policy = call.principal.policy
        if policy is not None and policy.output_reserve == "learned":
            self._ring(call).add(-(-output_tokens // call.choices))

    def distrust(self, call: Call) -> None:
        """The model charged for far more than it showed: from now on it is reserved the full bound."""
        target = call.target
        logger.warning("%s of account %s hides output", target.model, target.account.name)
        self.hiding[target.account.id, target.model] = None
        if len(self.hiding) > HIDING:
            self.hiding.popitem(last=False)

    def _ring(self, call: Call) -> Ring:
        name = (call.principal.key.id, call.model)
        ring = self.rings.get(name)
        if ring is None:
            ring = self.rings[name] = Ring()
            if len(self.rings) > KEYS:
                self.rings.popitem(last=False)
        else:
            self.rings.move_to_end(name)
        return ring

    async def _warm(self, ring: Ring, organization_id: str, key_id: str, model: str) -> None:
        """The ledger has the calls of all workers, this one's own but for the latest."""
        try:
            found = await self.snapshots.read(lambda: last_outputs(organization_id, key_id, model))
        except OrbitError as error:
            logger.warning("outputs of key %s are learned anew: %s", key_id, error)
            return
        finally:
            ring.asking = None
        if len(found) > len(ring.values):
            ring.values, ring.oldest = array("Q"), 0
            for value in found:
                ring.add(value)


def last_outputs(organization_id: str, key_id: str, model: str) -> list[int]:
    """Output tokens of a key's last calls of a model that ended by themselves, oldest first."""
    with access.scope(organization_id=UUID(organization_id)):
        with connections["default"].cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {LONGEST_READ_MS}")
        found = Event.objects.filter(
            organization_id=UUID(organization_id),
            kind=Event.Kind.CALL,
            key_id=UUID(key_id),
            model=model,
            status="settled",
            code=None,
            output_tokens__isnull=False,
            admitted_at__gte=datetime.now(UTC) - OLDEST,
        ).order_by("-admitted_at")
        latest = [made or 0 for made in found.values_list("output_tokens", flat=True)[:SAMPLES]]
    return latest[::-1]
