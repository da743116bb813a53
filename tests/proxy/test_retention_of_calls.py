"""A call's event is kept as long as the policies over its key say."""

from __future__ import annotations

import httpx2
import pytest

from audit.models import Event
from orbit.lib import access
from proxy.context import EffectivePolicy
from proxy.snapshot import _retention
from tests.conftest import MakeTenant
from tests.gateway import Gateway

BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}


def test_event_of_a_call_has_its_policys_class(gateway: Gateway, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(audit={"retention_days": 90})
    answer = httpx2.post(
        f"{gateway.base_url}/chat/completions", json=BODY, headers={"authorization": f"Bearer {tenant.key}"}
    )
    assert answer.status_code == 200
    (call,) = tenant.events()
    assert "retention" not in call
    with access.operator():
        assert Event.objects.get(event_id=call["event_id"]).retention == 90


@pytest.mark.parametrize(
    ("said", "class_"),
    [([None, None], None), ([30, None], 30), ([400, 30], 400), ([30, "unlimited"], 0)],
)
def test_longest_of_the_chain_holds(said: list[object], class_: int | None) -> None:
    documents = [{"audit": {"content": "none", "retention_days": one} if one else {}} for one in said]
    assert _retention(documents) == class_
    assert EffectivePolicy.__dataclass_fields__["retention"].default is None
