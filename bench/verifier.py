"""How fast stored and exported ledgers are verified: `manage.py audit verify`, and the stand-alone verifier of auditors."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from bench import procfs
from orbit.launcher import state

VERIFIER = state.PROJECT / "audit/standalone/verify_ledger.py"


@dataclass(frozen=True, slots=True)
class Run:
    """`cpu_s` is of the verifier and, where it asks it, of Postgres."""

    rows: int
    wall_s: float
    cpu_s: float


def stored(postgres: int, organizations: list[UUID]) -> Run:
    """All organizations, as the database has them."""
    from audit import verification
    from orbit.lib import access

    def verify() -> int:
        with access.operator():
            outcome = verification.verify({one: str(one) for one in organizations}, everything=True)
        assert not outcome.all_findings(), outcome.all_findings()[:3]
        return sum(chain.events for chain in outcome.chains.values())

    return _timed(verify, lambda: time.process_time() + procfs.cpu_s([postgres]))


def exported(folder: Path) -> Run:
    """What `export` wrote."""
    from audit.checkpoints import keys

    given = ["--events", str(folder / "events.jsonl"), "--checkpoints", str(folder / "checkpoints.jsonl")]
    given += ["--public-key", keys.public_of(keys.load()), "--json"]

    def verify() -> int:
        command = [sys.executable, "-I", str(VERIFIER), *given]
        said = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        assert (said["ok"], said["unsigned"]) == (True, 0), said
        return int(said["events"])

    return _timed(verify, _of_children)


def export(folder: Path, organization_id: UUID) -> None:
    """Signs what there is, and writes one organization's events and checkpoints."""
    from audit import rows
    from audit.checkpoints import signer
    from audit.checkpoints.files import Directory
    from audit.checkpoints.narrow import narrow
    from audit.exports.columns import written
    from orbit.lib import access

    while signer.sign()[1]:
        pass
    with access.operator(), open(folder / "events.jsonl", "w") as file:
        for row in rows.stored("operator", organization_id):
            file.write(written(row.event()) + "\n")
    lines = [json.dumps(one) + "\n" for one in narrow(Directory(), str(organization_id))]
    (folder / "checkpoints.jsonl").write_text("".join(lines))


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _timed(verify: Callable[[], int], cpu: Callable[[], float]) -> Run:
    used, began = cpu(), time.perf_counter()
    rows = verify()
    return Run(rows, time.perf_counter() - began, cpu() - used)
