"""The database's copies of checkpoints: for pages, and to write files again that were lost. Each is taken by its signature alone."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

import orjson

from audit.checkpoints import document, keys
from audit.checkpoints.document import Checkpoint, Head, paths
from audit.checkpoints.files import Directory
from audit.models import Checkpoint as Copy
from audit.models import CheckpointHead, CheckpointKey
from audit.standalone.verify_ledger import SIGNED, canonical, root_of, verify_plainly
from orbit.lib.clock import parse

logger = logging.getLogger(__name__)


def in_step(directory: Directory, last: Checkpoint | None) -> Checkpoint | None:
    """The last checkpoint, after files and copies have been given what only the other has."""
    number = last.number if last else 0
    known = Copy.objects.order_by("-number").values_list("number", flat=True).first() or 0
    if known < number:  # a crash between the two, or an older database was put back
        state: dict[str, Head] = {}
        for checkpoint in directory.checkpoints():
            state.update({head["organization_id"]: head for head in checkpoint.heads})
            if checkpoint.number > known:
                insert(checkpoint, state)
    elif known > number:
        for checkpoint in _signed_after(directory, last):
            logger.warning("checkpoint %s was not in the files any more: written again", checkpoint.number)
            directory.append(checkpoint)
            last = checkpoint
    return last


def insert(checkpoint: Checkpoint, state: Mapping[str, Head]) -> None:
    at = parse(checkpoint.body["at"])
    Copy.objects.create(
        number=checkpoint.number,
        at=at,
        hash=checkpoint.hash,
        body=canonical(checkpoint.body).decode(),
        signature=checkpoint.signature,
    )
    ways = paths(state, [head["organization_id"] for head in checkpoint.heads])
    CheckpointHead.objects.bulk_create(
        CheckpointHead(
            organization_id=head["organization_id"],
            number=checkpoint.number,
            seq=head["seq"],
            head=canonical(head).decode(),
            proof=ways[head["organization_id"]],
        )
        for head in checkpoint.heads
    )
    for public in filter(None, (checkpoint.body["key"], checkpoint.body.get("next_key"))):
        CheckpointKey.objects.get_or_create(public=public, defaults={"first": checkpoint.number, "since": at})


def _signed_after(directory: Directory, last: Checkpoint | None) -> Iterator[Checkpoint]:
    """Copies that follow from the last in the files. One that does not is not ours, whatever the database says."""
    number, previous = (last.number, last.hash) if last else (0, "0" * 64)
    key = keys.public_of(keys.load())
    state = directory.state(last)
    for copy in Copy.objects.filter(number__gt=number).order_by("number"):
        checkpoint = _of(copy)
        state.update({head["organization_id"]: head for head in checkpoint.heads})
        if not _follows(checkpoint, previous, state, {key, *_handed(last)}):
            logger.error(
                "checkpoint %s of the database does not follow from the files: not taken", copy.number
            )
            return
        yield checkpoint
        previous, last = checkpoint.hash, checkpoint


def _of(copy: Copy) -> Checkpoint:
    heads = CheckpointHead.objects.filter(number=copy.number).order_by("organization_id")
    return Checkpoint(
        orjson.loads(copy.body),
        [orjson.loads(one) for one in heads.values_list("head", flat=True)],
        copy.signature,
    )


def _handed(last: Checkpoint | None) -> set[str]:
    return {last.body["key"], last.body.get("next_key", "")} if last else set()


def _follows(checkpoint: Checkpoint, previous: str, state: Mapping[str, Head], trusted: set[str]) -> bool:
    body = checkpoint.body
    message = SIGNED + canonical(body)
    return (
        body["previous"] == previous
        and body["key"] in trusted
        and verify_plainly(bytes.fromhex(body["key"]), message, bytes.fromhex(checkpoint.signature))
        and root_of(document.leaves(state)).hex() == body["root"]
    )
