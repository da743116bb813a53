"""A padding that was measured decides what the next call of such a model is counted at."""

from __future__ import annotations

import secrets

from orbit.demo.provider.process import ProviderHandle
from proxy.snapshot import load_organization
from quotas.calibration import set_padding
from tests.conftest import MakeTenant
from tests.proxy.conftest import ApiOf, code_of

WORDS = [{"role": "user", "content": "A plain sentence of some words. " * 20}]  # 640 bytes, 150 tokens or so


def test_new_padding_holds_for_the_next_call(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle
) -> None:
    vendor = f"p-{secrets.token_hex(6)}"
    account = {
        "name": "demo",
        "kind": "openai_compatible",
        "base_url": provider.base_url,
        "prices_as": vendor,
        "credential": {"value": "sk-demo-tests"},
    }
    route = {"alias": "gpt-4o-mini", "targets": [{"account": "demo", "model": "gpt-4o-mini"}]}
    tenant = make_tenant(
        entry={"provider_accounts": [account], "models": [route]}, caps={"max_input_tokens": 300}
    )
    api = api_of(tenant)
    assert api.chat(messages=WORDS).status_code == 200
    set_padding(vendor, "gpt-4o", 3, "test")
    assert load_organization(tenant.id).models["gpt-4o-mini"].targets[0].padding == 3.0
    assert code_of(api.chat(messages=WORDS)) == (400, "context_length_exceeded")
    set_padding(vendor, "gpt-4o-mini", 1, "test")
    assert api.chat(messages=WORDS).status_code == 200
