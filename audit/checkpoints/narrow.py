"""Checkpoints as one organization's auditor gets them: signed bodies, its own heads, and of others hashes alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from audit.checkpoints.document import Checkpoint, Head, narrowed, proof
from audit.checkpoints.files import Directory


def narrow(directory: Directory, organization_id: str) -> Iterator[dict[str, Any]]:
    """All of them in their order. The last shows the organization's head once more, so that none can be left out.

    Each head names the checkpoint of the one before; from the last one back, a missing one is noticed.
    """
    state: dict[str, Head] = {}
    held: Checkpoint | None = None
    for checkpoint in directory.checkpoints():
        if held is not None:
            yield _shown(held, state, organization_id, always=False)
        state.update({head["organization_id"]: head for head in checkpoint.heads})
        held = checkpoint
    if held is not None:
        yield _shown(held, state, organization_id, always=True)


def _shown(
    checkpoint: Checkpoint, state: dict[str, Head], organization_id: str, *, always: bool
) -> dict[str, Any]:
    head = state.get(organization_id)
    if head is None or not (always or head["number"] == checkpoint.number):
        return narrowed(checkpoint)
    return narrowed(checkpoint, [(head, proof(state, organization_id))])
