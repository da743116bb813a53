"""Verifies stored ledgers against the checkpoints' files, with the rules of the verifier that auditors run.

What it knows besides: the database's own copies of checkpoints, its chain heads, and all organizations at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from typing import Any
from uuid import UUID

from audit import rows
from audit.checkpoints import keys
from audit.checkpoints.files import Broken, Directory
from audit.models import ChainHead
from audit.models import Checkpoint as Copy
from audit.standalone.verify_ledger import (
    MODULUS,
    Chain,
    CheckpointReader,
    Event,
    Finding,
    Trail,
    check_chain,
    remarks,
)


@dataclass
class Outcome:
    trail: Trail
    chains: dict[str, Chain] = field(default_factory=dict)  # by slug, or id where there is none
    findings: list[Finding] = field(default_factory=list)  # of the database's own copies

    def all_findings(self) -> list[Finding]:
        return [
            *self.trail.findings,
            *(one for chain in self.chains.values() for one in chain.findings),
            *self.findings,
        ]

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": not self.all_findings(),
            "checkpoints": self.trail.checkpoints,
            "last_checkpoint": f"{self.trail.number}:{self.trail.hash}",
            "organizations": {slug: _told(chain) for slug, chain in self.chains.items()},
            "findings": [asdict(one) for one in self.all_findings()],
            "remarks": {slug: list(remarks(self.trail, chain))[:-1] for slug, chain in self.chains.items()},
        }


def verify(
    organizations: Mapping[UUID, str],
    *,
    everything: bool,
    directory: Directory | None = None,
    public_keys: Iterable[str] = (),
    seen: str = "",
) -> Outcome:
    """Ledgers of these organizations, given with their slugs; of all that are known anywhere with `everything`."""
    directory = directory or Directory()
    only = "" if everything else str(next(iter(organizations)))
    trusted = list(public_keys) or [keys.public_of(keys.load())]
    trail = CheckpointReader(trusted, only, seen).read(directory.lines())
    outcome = Outcome(trail)
    wanted = dict.fromkeys(map(str, organizations))
    if everything:
        wanted |= dict.fromkeys(trail.heads)
        wanted |= {str(one): None for one in ChainHead.objects.values_list("organization_id", flat=True)}
    for one in wanted:
        chain = _chain(UUID(one), trail)
        if chain.events or chain.findings:
            outcome.chains[organizations.get(UUID(one), one)] = chain
    _name_exchanges(outcome)
    outcome.findings.extend(_copies(directory))
    return outcome


def _chain(organization_id: UUID, trail: Trail) -> Chain:
    def again(after: int) -> Iterator[Event]:
        return (row.event() for row in rows.stored("operator", organization_id, after))

    entries = rows.entries("operator", organization_id)
    chain = check_chain(str(organization_id), entries, trail.heads.get(str(organization_id), []), again)
    head = ChainHead.objects.filter(pk=organization_id).values_list("seq", flat=True).first()
    if head is not None and head != chain.last and not chain.findings:
        words = f"The ledger ends at sequence {chain.last}, and its writer had come to {head}: "
        words += "the end is missing." if head > chain.last else "what came after it was inserted."
        chain.findings.append(
            Finding("head", words, str(organization_id), min(head, chain.last) + 1, max(head, chain.last))
        )
    return chain


def _name_exchanges(outcome: Outcome) -> None:
    """What one organization lacks and another has too much of, in the same place, was exchanged between them."""
    lacking = {slug: chain for slug, chain in outcome.chains.items() if chain.missing_ids}
    for slug, chain in lacking.items():
        for other, its in lacking.items():
            if other != slug and (chain.missing_ids + its.missing_ids) % MODULUS == 0:
                for finding in chain.findings:
                    if finding.code == "replaced":
                        finding.code = "exchanged"
                        finding.words += f" The events were exchanged with those of {other}."


def _copies(directory: Directory) -> Iterator[Finding]:
    """The database's copies beside the files, one by one."""
    copies = Copy.objects.order_by("number").values_list("number", "hash", "body", "signature")
    try:
        for file, copy in zip_longest(directory.checkpoints(), copies.iterator(chunk_size=2_000)):
            if copy is None:
                number = file.number
                yield Finding(
                    "database_behind",
                    f"The database does not know checkpoint {number} and what came after: an older state of it was put back, "
                    "or the signing was cut short just now.",
                    checkpoint=number,
                )
                return
            if file is None:
                yield Finding(
                    "files_behind",
                    f"The files end before checkpoint {copy[0]}, which the database has: files were cut or lost.",
                    checkpoint=copy[0],
                )
                return
            if (file.number, file.hash, file.signature) != (copy[0], copy[1], copy[3]):
                yield Finding(
                    "copy_changed",
                    f"The database's copy of checkpoint {copy[0]} is not what the file has.",
                    checkpoint=copy[0],
                )
                return
    except Broken as error:
        yield Finding("checkpoint_unreadable", str(error))


def _told(chain: Chain) -> dict[str, Any]:
    told = {name: value for name, value in asdict(chain).items() if name not in ("findings", "missing_ids")}
    return {**told, "unsigned": chain.unsigned}
