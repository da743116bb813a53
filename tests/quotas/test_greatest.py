"""The greatest keys, looked up apart, have the figures that reading everything gives."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from orbit.lib import access
from quotas import histogram, rollups, sums
from quotas.sums import Asked
from tests.conftest import MakeTenant
from tests.rollups import plant

SINCE = datetime(2026, 10, 30, 18, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
@pytest.mark.parametrize("by", [("key",), ("key", "model"), ("day", "key")])
def test_greatest_keys_have_all_their_figures(
    make_tenant: MakeTenant, by: tuple[str, ...], zone: str
) -> None:
    tenant, seeded = make_tenant(), random.Random(5)
    keys = [(uuid4(), uuid4()) for _ in range(12)]
    for _ in range(150):
        moment = SINCE + timedelta(minutes=15 * seeded.randrange(400))
        plant(
            tenant.id, moment, *seeded.choice(keys), model=seeded.choice("ab"), requests=seeded.randrange(9),
            cost_nano=seeded.randrange(10**12), durations=histogram.unit(seeded.randrange(9_000)),
        )  # fmt: skip
    asked = Asked(SINCE, SINCE + timedelta(days=4), by, time_zone=zone, order="cost_nano", most=5)
    with access.scope(organization_id=tenant.id):
        found = sums.greatest(asked)
        assert found == sums.read(asked)
        assert len(found) == 5
        assert found[0]["durations"] > 0


def test_what_is_of_no_key_may_be_the_greatest(make_tenant: MakeTenant) -> None:
    tenant = make_tenant()
    plant(tenant.id, SINCE, uuid4(), uuid4(), cost_nano=5)
    identity = (tenant.id, SINCE, None, None, None, "fast", "USD")
    with access.ledger():
        rollups.QUARTERS.add({identity: [9] * len(rollups.SUMS)})
    asked = Asked(SINCE, SINCE + timedelta(hours=1), ("key",), order="cost_nano", most=5)
    with access.scope(organization_id=tenant.id):
        found = sums.greatest(asked)
    assert [(row["key"] is None, row["cost_nano"]) for row in found] == [(True, 9), (False, 5)]
