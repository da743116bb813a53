"""A fault before the provider is asked leaves a streamed call without an answer for ever."""

import pytest

from proxy.formats.chat import Chat
from proxy.providers.openai import OpenAI
from tests.conftest import Tenant
from tests.proxy.test_internal_errors import asked, broken


@pytest.mark.parametrize("stream", [False, True])
def test_fault_in_an_adapter(tenant: Tenant, monkeypatch: pytest.MonkeyPatch, stream: bool) -> None:
    monkeypatch.setattr(OpenAI, "prepare", broken)
    status, _, _ = asked(tenant.key, stream=stream)
    assert status == 500


@pytest.mark.parametrize("stream", [False, True])
def test_fault_in_an_adapters_reading_is_settled(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    monkeypatch.setattr(Chat, "on_event", broken)
    monkeypatch.setattr(Chat, "usage", broken)
    asked(tenant.key, stream=stream)
    assert len(tenant.events()) == 1
