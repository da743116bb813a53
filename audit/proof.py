"""One event with what proves it: its hash made anew, its neighbours, and the signed checkpoint that covers it.

For pages and the API, in an organization's scope. It reads the database's copies of checkpoints, whose signatures are
verified here; whether the key is the right one, only somebody can say who has it by another way (docs/audit.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from audit import rows
from audit.chain import START
from audit.models import Checkpoint, CheckpointHead, Event
from audit.standalone.verify_ledger import SIGNED, Entry, leaf_of, root_by_path, verify_plainly
from orbit.lib.access import organization_id

MOST_WALKED = 5_000  # events between an event and its checkpoint that one look goes over


@dataclass(frozen=True)
class Step:
    what: str
    holds: bool | None  # None: not looked at


@dataclass(frozen=True)
class Place:
    seq: int
    event_id: str
    hash: str


@dataclass(frozen=True)
class Covering:
    """The first checkpoint that was signed after the event, and the organization's head in it."""

    number: int
    at: str
    key: str
    body: dict[str, Any]
    signature: str
    head: dict[str, Any]
    proof: dict[str, Any]


@dataclass
class Proof:
    event_id: str
    seq: int
    hash: str
    computed: str
    before: Place | None = None
    after: Place | None = None
    checkpoint: Covering | None = None
    steps: list[Step] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Nothing speaks against it. Whether it is signed yet is another question: `checkpoint`."""
        return not any(step.holds is False for step in self.steps)


def prove(event: Event) -> Proof:
    """Of an event of the organization in scope."""
    owner, seq = organization_id(), event.seq
    near = {one.seq: one for one in rows.entries("default", owner, seq - 2, seq + 1)}
    this, before, after = near[seq], near.get(seq - 1), near.get(seq + 1)
    made = Proof(str(event.pk), seq, this.hash, this.computed, _place(before), _place(after))
    made.steps.append(Step("its content has its hash", this.computed == this.hash))
    if seq == 1:
        made.steps.append(Step("it is the first: nothing is before it", this.prev_hash == START))
    else:
        follows = before is not None and before.hash == this.prev_hash
        made.steps.append(Step("it names the hash of the event before it", follows))
    if after is not None:
        made.steps.append(Step("the event after it names its hash", after.prev_hash == this.hash))
    made.checkpoint = _covering(owner, seq)
    if made.checkpoint is not None:
        made.steps.extend(_signed(owner, this, made.checkpoint))
    return made


def _place(entry: Entry | None) -> Place | None:
    return Place(entry.seq, entry.event_id, entry.hash) if entry else None


def _covering(owner: UUID, seq: int) -> Covering | None:
    head = CheckpointHead.objects.filter(organization_id=owner, seq__gte=seq).order_by("number").first()
    checkpoint = Checkpoint.objects.filter(pk=head.number).first() if head else None
    if head is None or checkpoint is None:
        return None
    body = orjson.loads(checkpoint.body)
    return Covering(
        head.number,
        body["at"],
        body["key"],
        body,
        checkpoint.signature,
        orjson.loads(head.head),
        head.proof,
    )


def _signed(owner: UUID, this: Entry, covering: Covering) -> list[Step]:
    head, body, number = covering.head, covering.body, covering.number
    way = root_by_path(leaf_of(head), covering.proof["index"], body["organizations"], covering.proof["path"])
    message = SIGNED + orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    signed = verify_plainly(bytes.fromhex(covering.key), message, bytes.fromhex(covering.signature))
    return [
        Step(
            f"from here to sequence {head['seq']}, which checkpoint {number} has signed, each event follows from the one before, "
            "and the last has the signed hash",
            _reaches(owner, this, head),
        ),
        Step(f"the organization's head leads to the root of checkpoint {number}", way.hex() == body["root"]),
        Step(f"checkpoint {number} is signed with key {covering.key}", signed),
    ]


def _reaches(owner: UUID, this: Entry, head: dict[str, Any]) -> bool | None:
    if head["seq"] - this.seq > MOST_WALKED:
        return None
    last = this
    for entry in rows.entries("default", owner, this.seq, head["seq"]):
        fits = entry.seq == last.seq + 1 and entry.prev_hash == last.hash
        if not fits or entry.computed not in ("", entry.hash):
            return False
        last = entry
    return (last.seq, last.hash) == (head["seq"], head["hash"])
