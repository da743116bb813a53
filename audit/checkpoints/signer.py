"""Signs how far each organization's ledger has come. The file first, then the database's copy of it.

The signer reads every event since the checkpoint before, and remembers outside the database what it signed. What does not
go on from there is signed all the same, with a mark that stays (`breaks`), or an attack would end the signing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connections

from audit import rows
from audit.chain import START
from audit.checkpoints import copies, keys
from audit.checkpoints.document import Checkpoint, Head, signed
from audit.checkpoints.files import Directory
from audit.models import ChainHead
from audit.standalone.verify_ledger import MODULUS, as_number
from orbit.lib import access
from orbit.lib.clock import rfc3339

logger = logging.getLogger(__name__)
LOCK = 0x0B19  # of an advisory lock: one signer in the whole installation
MOST = 200_000  # events of one organization in one checkpoint; further ones come in the next
NOTHING = {"seq": 0, "hash": START, "number": 0, "breaks": 0}


def sign(now: datetime | None = None, *, next_key: str | None = None) -> tuple[Checkpoint | None, bool]:
    """The checkpoint that was signed, None without news; and whether there is more than it covers."""
    with access.ledger():
        if not _locked():
            return None, False
        directory = Directory()
        directory.mend()
        last = copies.in_step(directory, directory.last())
        state = directory.state(last)
        news, more = _news(state, last.number + 1 if last else 1)
        if not news and not next_key:
            return None, False
        state |= {head["organization_id"]: head for head in news}
        made = signed(
            _key(last),
            before=last,
            at=rfc3339(now or datetime.now(UTC)),
            heads=news,
            state=state,
            next_key=next_key,
        )
        directory.append(made)
        copies.insert(made, state)
    directory.remember(made, state)
    return made, more


def rotate() -> str:
    """Hands over to a new key, and returns its public half."""
    keys.next_path().unlink(missing_ok=True)  # of a rotation that did not come to its handover
    public = keys.public_of(keys.make(keys.next_path()))
    made, _ = sign(next_key=public)
    if made is None:
        keys.next_path().unlink()
        raise BlockingIOError("A checkpoint is being signed at this moment.")
    keys.handed_over(public)
    return public


def _locked() -> bool:
    with connections["ledger"].cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, 0)", [LOCK])
        return bool(cursor.fetchone()[0])


def _key(last: Checkpoint | None) -> Ed25519PrivateKey:
    if last is not None and "next_key" in last.body:
        return keys.handed_over(last.body["next_key"])
    key = keys.load()
    if last is not None and last.body["key"] != keys.public_of(key):
        logger.warning(
            "checkpoints are signed with another key than before, without a handover: auditors need both"
        )
    return key


def _news(state: Mapping[str, Head], number: int) -> tuple[list[Head], bool]:
    found, more = [], False
    for organization_id, seq, last_hash in ChainHead.objects.order_by("organization_id").values_list(
        "organization_id", "seq", "hash"
    ):
        before = state.get(str(organization_id), NOTHING)
        if (seq, last_hash or START) != (before["seq"], before["hash"]):
            until = min(seq, before["seq"] + MOST)
            found.append(_head(organization_id, before, until, number))
            # one whose rows are gone does not get there, and would be signed again and again
            more = more or (until < seq and found[-1]["seq"] == until)
    return found, more


def _head(organization_id: UUID, before: Mapping[str, Any], until: int, number: int) -> Head:
    """Goes over what is new, link by link."""
    seq, last_hash, event_id = before["seq"], before["hash"], ""
    ids = content = count = 0
    wrong: int | None = None
    for row in rows.stored("ledger", organization_id, before["seq"], until):
        entry = row.entry()
        if wrong is None and (
            entry.seq != seq + 1 or entry.prev_hash != last_hash or entry.hash != entry.computed
        ):
            wrong = entry.seq
        seq, last_hash, event_id = entry.seq, entry.hash, entry.event_id
        ids, content, count = ids + as_number(event_id.encode()), content + row.content(), count + 1
    if not count or seq != until:  # the ledger is shorter than what was signed, or than it says itself
        wrong = wrong or until
        for row in rows.stored("ledger", organization_id, until - 1, until):
            entry = row.entry()
            seq, last_hash, event_id = entry.seq, entry.hash, entry.event_id
    if wrong is not None:
        logger.error(
            "the ledger of organization %s does not go on from what was signed: see sequence %s and "
            "run `manage.py audit verify`",
            organization_id,
            wrong,
        )
    return {
        "organization_id": str(organization_id),
        "seq": seq,
        "hash": last_hash,
        "event_id": event_id,
        "count": count,
        "ids": f"{ids % MODULUS:064x}",
        "content": f"{content % MODULUS:064x}",
        "number": number,
        "before": before["number"],
        "breaks": before["breaks"] + (wrong is not None),
    }
