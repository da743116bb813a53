"""What a checkpoint says and how it is signed. Hashes and trees are those of the verifier that auditors run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.standalone.verify_ledger import SIGNED, canonical, leaf_of, root_of, sha256

Head = dict[str, Any]
VERSION = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One line of the file: the signed body, the heads that are new in it, and the signature."""

    body: dict[str, Any]
    heads: Sequence[Head]
    signature: str

    @property
    def number(self) -> int:
        return int(self.body["number"])

    @property
    def hash(self) -> str:
        return sha256(SIGNED + canonical(self.body))

    def line(self) -> bytes:
        made = {"body": self.body, "heads": list(self.heads), "signature": self.signature}
        return canonical(made) + b"\n"

    @classmethod
    def parsed(cls, line: bytes) -> Checkpoint:
        """ValueError when it is none."""
        made = orjson.loads(line)
        try:
            return cls(made["body"], made["heads"], made["signature"])
        except (TypeError, KeyError) as error:
            raise ValueError("no checkpoint") from error


def signed(
    key: Ed25519PrivateKey,
    *,
    before: Checkpoint | None,
    at: str,
    heads: Sequence[Head],
    state: Mapping[str, Head],
    next_key: str | None = None,
) -> Checkpoint:
    """The checkpoint after `before`; `state` has every organization's head, the new ones among them."""
    body = {
        "v": VERSION,
        "number": before.number + 1 if before else 1,
        "at": max(at, before.body["at"]) if before else at,  # a clock that went back must not reorder them
        "previous": before.hash if before else "0" * 64,
        "key": key.public_key().public_bytes_raw().hex(),
        "root": root_of(leaves(state)).hex(),
        "organizations": len(state),
        **({"next_key": next_key} if next_key else {}),
    }
    return Checkpoint(body, heads, key.sign(SIGNED + canonical(body)).hex())


def leaves(state: Mapping[str, Head]) -> list[bytes]:
    return [leaf_of(state[one]) for one in sorted(state)]


def proof(state: Mapping[str, Head], organization_id: str) -> dict[str, Any]:
    """The way of an organization's head up to the root: its place, and the hashes beside the way."""
    return paths(state, [organization_id])[organization_id]


def paths(state: Mapping[str, Head], wanted: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The same of several at once: the tree is made once."""
    levels = [leaves(state)]
    while len(levels[-1]) > 1:
        level = levels[-1]
        levels.append([root_of(level[at : at + 2]) for at in range(0, len(level), 2)])
    places = {one: at for at, one in enumerate(sorted(state))}
    return {one: {"index": places[one], "path": _path(levels, places[one])} for one in wanted}


def _path(levels: Sequence[Sequence[bytes]], at: int) -> list[str]:
    found = []
    for level in levels[:-1]:
        if at ^ 1 < len(level):  # the last of an odd number goes up alone
            found.append(level[at ^ 1].hex())
        at >>= 1
    return found


def narrowed(checkpoint: Checkpoint, shown: Sequence[tuple[Head, dict[str, Any]]] = ()) -> dict[str, Any]:
    """The same checkpoint with these heads alone, each with its way up to the root."""
    return {
        "body": checkpoint.body,
        "heads": [head for head, _ in shown],
        "proofs": [way for _, way in shown],
        "signature": checkpoint.signature,
    }
