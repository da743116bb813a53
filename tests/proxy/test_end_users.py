"""End users are named by clients: how many are counted is bounded for each organization."""

from __future__ import annotations

import pytest

from orbit.lib.errors import Code, OrbitError
from proxy.strangers import HOUR_US, EndUsers

NOW = 5 * HOUR_US + HOUR_US // 2


def test_one_too_many_is_refused_until_the_hour_is_over_while_known_ones_go_on() -> None:
    users = EndUsers(2)
    for name in ("ann", "ben", "ann", "ben"):
        users.check("a", name, NOW)
    with pytest.raises(OrbitError) as refused:
        users.check("a", "eve", NOW)
    assert (refused.value.code, refused.value.param) == (Code.RATE_LIMITED, "user")
    assert refused.value.retry_after_s == 1800
    users.check("a", "ann", NOW)
    users.check("a", "eve", NOW + HOUR_US)


def test_another_organization_has_its_own() -> None:
    users = EndUsers(1)
    users.check("a", "ann", NOW)
    users.check("b", "ben", NOW)
