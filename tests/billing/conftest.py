"""The pretend provider's billing in a process of its own, and histories told to both sides."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings

from audit.ledger import write_shard
from bench.bills.planned import ADMIN_KEY, Plan
from bench.bills.trials import Trial, prepare
from orbit.demo.bills.process import BillsHandle, running_bills
from orbit.demo.bills.scenario import Scenario
from orbit.lib.store import client
from tests.audit.conftest import feed
from tests.console.conftest import tenant

__all__ = ["bills", "feed", "make_trial", "tenant"]

MakeTrial = Callable[..., Trial]


@pytest.fixture(scope="session")
def bills(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BillsHandle]:
    """Refuses each fifth request with 429."""
    with running_bills(tmp_path_factory.mktemp("bills"), Scenario(ADMIN_KEY), refuse_every=5) as handle:
        settings.ORBIT_PRIVATE_TARGETS.append(f"127.0.0.1:{handle.port}")
        yield handle


@pytest.fixture
def make_trial(bills: BillsHandle) -> MakeTrial:
    """`make_trial("openai", calls=…, each=…)`: a ledger and a bill with planted differences, not yet reconciled."""

    def make(provider: str = "openai", *, seed: int | None = None, **plan: int) -> Trial:
        seed = secrets.randbits(32) if seed is None else seed
        print(f"seed {seed}")
        wanted = {"calls": 120, "days": 4, "each": 1, "overlapping": 0} | plan
        asked = Plan(
            provider, wanted["calls"], wanted["days"], wanted["each"], wanted["overlapping"], apart=True
        )
        trial = prepare(asked, bills, seed)
        while write_shard(client(), trial.organization.shard):
            pass  # what another test left there would keep days from being final
        return trial

    return make
