"""What an auditor asks after a fault: nothing is missing, nothing was changed, and every sink has all of it.

I5 every event is in each sink at least once, I6 sequences have no gaps and the chain verifies: by the installation's own
command and by the stand-alone verifier, which is given what a sink has and not what the database says.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connections

from audit import verification
from audit.checkpoints import keys, signer
from audit.checkpoints.files import Directory
from audit.checkpoints.narrow import narrow
from audit.models import DeadLetter, ShardPosition
from audit.sinks import lag
from faults.tenants import Tenant
from orbit.launcher.state import PROJECT
from orbit.lib import access
from tests.audit.sinks.harness import Harness

CATCH_UP_S = 60.0
VERIFIER = PROJECT / "audit/standalone/verify_ledger.py"


@dataclass
class Report:
    wrongs: list[str] = field(default_factory=list)
    events: int = 0
    again: int = 0  # events that a sink was sent more than once


def examine(
    tenants: Iterable[Tenant], harnesses: Iterable[Harness], folder: Path, *, everything: bool
) -> Report:
    """Of these organizations; `everything` verifies all others' chains as well."""
    found = Report()
    more = True
    while more:
        _, more = signer.sign()
    found.wrongs += _behind()
    with access.operator():
        letters = DeadLetter.objects.filter(about__in=[one.id for one in tenants]).count()
    if letters:
        found.wrongs.append(f"I5: {letters} events became dead letters")
    by_tenant = {tenant.tag: _hashes(tenant) for tenant in tenants}
    for harness in harnesses:
        got = _received(harness, set(by_tenant))
        for tenant in tenants:
            found.events += len(by_tenant[tenant.tag])
            found.again += len(got[tenant.tag]) - len(_once(got[tenant.tag]))
            found.wrongs += _lacks(harness.kind, by_tenant[tenant.tag], got[tenant.tag])
        if harness.kind == "lines":
            found.wrongs += [wrong for one in tenants for wrong in _alone(one, got[one.tag], folder)]
        if harness.faults():
            found.wrongs.append(f"I5: {harness.kind}: {harness.faults()[:200]}")
    found.wrongs += [wrong for tenant in tenants for wrong in gaps(tenant)]
    found.wrongs += _verified(tenants, everything=everything)
    return found


def _behind() -> Iterator[str]:
    deadline = time.monotonic() + CATCH_UP_S
    while (behind := [one for one in lag.lags() if one.events]) and time.monotonic() < deadline:
        time.sleep(0.1)
    for one in behind:
        yield f"I5: sink {one.name} is {one.events} events behind: {one.state} {one.last_error}"


def _hashes(tenant: Tenant) -> dict[str, str]:
    with access.operator(), connections["operator"].cursor() as cursor:
        cursor.execute(
            "SELECT event_id::text, hash FROM audit_event WHERE organization_id = %s ORDER BY seq",
            [tenant.id],
        )
        rows = cursor.fetchall()
        return dict(rows)


def _received(harness: Harness, slugs: set[str]) -> dict[str, list[dict[str, Any]]]:
    got: dict[str, list[dict[str, Any]]] = {slug: [] for slug in slugs}
    for event in harness.received():
        if event["organization"] in slugs:
            got[event["organization"]].append(event)
    return got


def _once(events: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """By id, in the order of first sight."""
    seen: dict[str, dict[str, Any]] = {}
    for event in events:
        seen.setdefault(event["event_id"], event)
    return seen


def _lacks(sink: str, ledger: dict[str, str], got: list[dict[str, Any]]) -> Iterator[str]:
    once = _once(got)
    if missing := set(ledger) - set(once):
        yield f"I5: sink {sink} lacks {len(missing)} of {len(ledger)} events, such as {min(missing)}"
    if strange := set(once) - set(ledger):
        yield f"I5: sink {sink} has {len(strange)} events that the ledger has not, such as {min(strange)}"
    if changed := [one for one, event in once.items() if event["hash"] != ledger.get(one, event["hash"])]:
        yield f"I6: sink {sink} has another event {changed[0]} than the ledger"
    order = [event["seq"] for event in once.values()]
    if order != sorted(order):
        yield f"I5: sink {sink} got events in another order than that of the ledger"


def gaps(tenant: Tenant) -> Iterator[str]:
    with access.operator(), connections["operator"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(DISTINCT seq), coalesce(max(seq), 0) FROM audit_event WHERE organization_id = %s",
            [tenant.id],
        )
        if len(set(found := cursor.fetchone())) != 1:
            yield f"I6: {tenant.tag} has {found[0]} events, {found[1]} sequences, up to {found[2]}"
        cursor.execute(
            "SELECT count(*), count(DISTINCT shard_seq), coalesce(max(shard_seq), 0) FROM audit_event WHERE shard = %s",
            [tenant.shard],
        )
        found = (*cursor.fetchone(), ShardPosition.objects.get(shard=tenant.shard).shard_seq)
        if len(set(found)) != 1:
            yield f"I6: shard {tenant.shard} has {found[0]} events, {found[1]} sequences, up to {found[2]}; its position is {found[3]}"


def _verified(tenants: Iterable[Tenant], *, everything: bool) -> Iterator[str]:
    """As `manage.py audit verify` does."""
    with access.operator():
        for tenant in tenants:
            outcome = verification.verify({tenant.id: tenant.tag}, everything=everything)
            for finding in outcome.all_findings():
                yield f"I6: {finding.words}"
            chain = outcome.chains.get(tenant.tag)
            if chain is None or chain.unsigned:
                yield f"I6: {tenant.tag} is not signed up to its end"
            if everything:
                return


def _alone(tenant: Tenant, got: list[dict[str, Any]], folder: Path) -> Iterator[str]:
    """By the stand-alone verifier, from what a sink has."""
    events, checkpoints = folder / "events.jsonl", folder / "checkpoints.jsonl"
    ordered = sorted(_once(got).values(), key=lambda event: event["seq"])
    events.write_text("".join(json.dumps(event) + "\n" for event in ordered))
    checkpoints.write_text("".join(json.dumps(line) + "\n" for line in narrow(Directory(), str(tenant.id))))
    given = ["--events", str(events), "--checkpoints", str(checkpoints)]
    given += ["--public-key", keys.public_of(keys.load()), "--json"]
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(VERIFIER), *given], capture_output=True, text=True, check=False
    )
    told = json.loads(done.stdout) if done.stdout else {"ok": False, "findings": done.stderr[-300:]}
    if not told["ok"] or told["unsigned"]:
        yield f"I6: the stand-alone verifier, {tenant.tag}: {json.dumps(told)[:600]}"
