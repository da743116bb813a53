"""A cluster of three servers, whose slots move under load."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

from faults import checker
from faults.kills import LEAKED, Load, leaked, mixed
from faults.scenario import Found, Measure, Scenario
from faults.servers import Servers
from faults.stage import Stage, stage
from faults.stores import OVER, tight
from tests.cluster import running_cluster

MASTERS = 3


@contextmanager
def clustered(servers: Servers | None) -> Iterator[Stage]:
    with running_cluster(MASTERS, durable=True) as cluster, stage(servers, cluster=cluster) as made:
        yield made


def move(stage: Stage, chance: random.Random) -> Found:
    """The tenant's slot goes from server to server, key by key or at once, while its calls run."""
    cluster = stage.cluster
    assert cluster is not None
    tenant = tight(stage, chance)
    load, moves = Load(stage, mixed(tenant, chance, 200)), 0
    while load.is_alive():
        time.sleep(chance.uniform(0.05, 0.4))
        to = chance.choice([one for one in range(MASTERS) if one != cluster.holder(tenant.shard)])
        if chance.random() < 0.5:
            cluster.move(tenant.shard, to, pause_s=chance.uniform(0, 0.002))
        else:
            cluster.move_at_once(tenant.shard, to)
        moves += 1
    seen = load.seen()
    books = stage.read(tenant)
    wrongs = checker.wrongs(books, tenant, seen)
    over = [books.truth(meter) - most for (meter, _), most in tenant.limits.items() if meter != "concurrency"]
    refused = sum(one.status == 503 for one in seen)
    return Found(wrongs, moves, {"over": max(0, *over), **leaked(books), "refused": refused})


SCENARIOS = [
    Scenario(
        "cluster-move",
        1,
        "on a cluster of three servers, the slot of the tenant moves under load, key by key or at once",
        "0 admitted over the limit; the books agree to the nano",
        200,
        "moves",
        clustered,
        move,
        (OVER, *LEAKED, Measure("refused", "calls answered 503 meanwhile", "sum")),
    )
]
