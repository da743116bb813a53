"""The audit trail while every part of an installation is killed, again and again."""

from __future__ import annotations

import random
import time
from collections import Counter as Tally
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from faults import auditor, checker, evidence
from faults.clients import Ask, chat
from faults.installation import PARTS, Installation, Traffic, installation
from faults.kills import KEY_LIMITS, LEAKED, LIMITS, lapsed, leaked
from faults.scenario import Figure, Found, Measure, Scenario
from faults.servers import Servers
from faults.stage import asks
from faults.tenants import Tenant

KILLS = 30
AT_ONCE = 5  # of each of the two organizations
REQUIRED = {"audit": {"required": True}}


@contextmanager
def whole(servers: Servers | None) -> Iterator[Installation]:
    assert servers is not None, "this kills its servers, which must be its own"
    with installation(servers) as made:
        yield made


def trail(stage: Installation, chance: random.Random, kills: int = KILLS) -> Found:
    """Kills at any moment at which calls flow; then everything is back, and all books are laid side by side."""
    tenants = [stage.tenant(LIMITS, key_limits=KEY_LIMITS, **policy) for policy in ({}, REQUIRED)]
    before = Tally(stage.struck)
    load = Traffic(stage, [_mixed(one, random.Random(chance.random())) for one in tenants], AT_ONCE)  # noqa: S311
    while (stage.struck - before).total() < kills:
        load.wait_flowing()
        time.sleep(chance.uniform(0, 0.3))
        stage.strike(chance)
    seen = load.stop()
    stage.wait_whole()
    for one in tenants:  # the first calls after it find everything in order
        last = stage.crowd(_mixed(one, chance)(2), at_once=2).run()
        seen += last
    struck = stage.struck - before
    wrongs: list[str] = []
    figures: dict[str, Figure] = dict.fromkeys(("held", "slots", "lost", "lapsed"), 0)
    began = time.monotonic()
    for one in tenants:
        books = stage.read(one)
        mine = [call for call in seen if call.user.startswith(one.tag)]
        wrongs += [*checker.wrongs(books, one, mine), *checker.finished(books, mine)]
        for name, figure in {**leaked(books), "lapsed": lapsed(books)}.items():
            figures[name] = figures[name] + figure  # type: ignore[operator]
    figures["rest_s"] = round(time.monotonic() - began, 1)
    if behind := stage.left_behind():
        wrongs.append(f"I5: what {behind} dead workers had written down is not settled")
    found = auditor.examine(tenants, stage.harnesses, stage.folder, everything=chance.random() < 0.1)
    figures |= {f"killed_{part}": struck[part] for part in PARTS}
    figures |= {
        "finished": sum(one.status == 200 and one.finished for one in seen),
        "broken": sum(not (one.status == 200 and one.finished) for one in seen),
        "events": found.events // len(stage.harnesses),
        "again": found.again,
    }
    wrongs += found.wrongs
    return Found(
        wrongs,
        struck.total(),
        figures,
        lambda folder: evidence.leave(folder, stage, tenants, seen, wrongs),
    )


def _mixed(tenant: Tenant, chance: random.Random) -> Any:
    """Streams and plain calls, as many as are asked for."""

    def body(_: int) -> dict[str, Any]:
        directives = f"tokens={chance.randint(5, 40)} pace_ms={chance.randint(2, 15)}"
        return chat(directives, stream=chance.random() < 0.7, max_tokens=60)

    def some(count: int) -> list[Ask]:
        return asks(tenant, count, body)

    return some


SCENARIOS = [
    Scenario(
        "trail", 5,
        "SIGKILL at any moment under load to web workers, the ledger's writer, the sender of the sinks, Valkey "
        "(append-only file synced with each command) and Postgres (fsync)",
        "every call that a client saw finish is once in the ledger, charged what the provider made of it, and at least once in each "
        "sink; nothing that a dead worker had written down is left; no gap in any "
        "sequence; chain and checkpoints verify, also by the stand-alone verifier from a sink's file; the ledger "
        "says what the provider says",
        1000, "kills", whole, trail,
        (
            *LEAKED,
            *(Measure(f"killed_{part}", f"kills: {part}", "sum") for part in PARTS),
            Measure("rest_s", "longest until all was written, s", "max", None, 1),
            Measure("finished", "calls that clients saw finish", "sum"),
            Measure("broken", "calls that broke off or were refused", "sum"),
            Measure("lapsed", "calls settled by the reaper", "sum"),
            Measure("events", "events compared in each sink", "sum"),
            Measure("again", "events that a sink was sent more than once", "sum"),
        ),
        "trials of former versions counted less, and some failed. Trials 1 and 2: the check did not wait until all was written. Trial 52, which "
        "repeats the seed of trial 11 and failed like it: the trial's own background ran its tasks as functions and not as Celery does, so "
        "that the connection which a killed Postgres had left stayed broken and the reaper failed from then on; the open leases were ended "
        "as soon as that process was killed too, and no call was lost. Of trial 11 no more is left than its line. Trial 36: most likely its check "
        "read the ledger before a correction came and the counters after it; both are now read at one moment",
    ),
]  # fmt: skip
