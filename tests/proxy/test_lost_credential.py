"""A credential whose time ends between a call's plan and its try: nothing is sent without it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from orbit.lib.ids import uuid7
from proxy.admission import Admission
from proxy.attempts import CredentialLost
from proxy.calls import make_call
from proxy.context import Account, ModelRoute, Target
from proxy.endings import Endings
from proxy.health import Health
from proxy.settlement import Outcome
from proxy.surfaces import OPENAI
from proxy.upstream import Tries, Upstream
from tenants.secrets import Secret
from tests.proxy.conftest import HELLO
from tests.proxy.test_routing import principal


@dataclass
class Fading:
    secret: Secret | None

    @property
    def ready(self) -> bool:
        return self.secret is not None

    def begin(self) -> None:
        pass

    def doubt(self) -> None:
        raise AssertionError("no provider refused it")


async def planned(credential: Fading) -> Admission:
    account = Account("a", "kept", "openai", "https://api.example", credential)
    who = principal(ModelRoute("m", (Target(account, "m", None),)))
    assert who.policy is not None
    body: dict[str, Any] = {"model": "m", "messages": HELLO}
    call, plan = await make_call(
        request_id=uuid7(),
        principal=who,
        policy=who.policy,
        surface=OPENAI,
        endpoint="chat/completions",
        body=body,
        raw=orjson.dumps(body),
        headers={},
        client_ip=None,
        health=Health(),
        started=time.monotonic(),
    )
    return Admission(call, cast("Any", None), {}, b"{}", plan)


@pytest.mark.parametrize("stream", [False, True])
async def test_nothing_is_sent_and_the_account_alone_is_refused(stream: bool) -> None:
    credential = Fading(Secret("sk-demo-kept"))
    admission = await planned(credential)
    credential.secret = None
    settled: list[Outcome] = []
    settler: Any = SimpleNamespace(
        supervisor=SimpleNamespace(over=False), settle=lambda admission, outcome: settled.append(outcome)
    )
    health, nothing = Health(), cast("Any", None)  # whatever was sent would need what is not there
    with pytest.raises(CredentialLost) as caught:
        await Tries(Upstream(nothing, nothing, settler, health), admission, stream).__aenter__()
    assert [one.error for one in admission.attempts] == ["CredentialLost"]
    assert health.spotless
    reply = Endings(settler, nothing).unanswered(admission, caught.value)
    assert reply.status == 503
    assert orjson.loads(reply.body)["error"]["code"] == "credentials_unavailable"
    [outcome] = settled
    assert (outcome.status, outcome.code) == ("provider_failed", "credentials_unavailable")
    assert (outcome.usage.input_tokens, outcome.usage.output_tokens) == (0, 0)
