"""The id that the SDK shows is the one in the ledger."""

from __future__ import annotations

import openai
import pytest

from tests.conftest import Tenant
from tests.gateway import Gateway


def test_request_id_of_the_sdk_is_the_events(gateway: Gateway, tenant: Tenant) -> None:
    with openai.OpenAI(base_url=gateway.base_url, api_key=tenant.key, max_retries=0) as client:
        answer = client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "[[orbit-demo: tokens=3]]"}]
        )
        with pytest.raises(openai.NotFoundError) as refused:
            client.chat.completions.create(model="no-such", messages=[{"role": "user", "content": "x"}])
    assert [event["request_id"] for event in tenant.events()] == [answer._request_id]
    assert refused.value.request_id == refused.value.response.headers["x-orbit-request-id"]
