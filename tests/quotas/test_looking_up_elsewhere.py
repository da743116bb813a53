from __future__ import annotations

import secrets
from typing import Any

import pytest
from pytest_django import Settings

from quotas import contracts
from quotas.models import Price
from quotas.tasks import price_new_models
from tenants import services
from tenants.models import Organization


def _routing(model: str) -> Organization:
    organization = services.create_organization(slug=f"t-{secrets.token_hex(6)}", actor="test")
    where: dict[str, Any] = {"organization_id": organization.pk, "actor": "test"}
    services.save_account(**where, name="main", kind="openai")
    services.save_model(**where, alias="fast", targets=[services.NewTarget("main", model)])
    return organization


def test_a_web_worker_looks_nothing_up(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ORBIT_PROCESS = "web"
    for name in ("reseed", "look_up"):
        monkeypatch.setattr(contracts, name, lambda *_, **__: pytest.fail("it was looked up here"))
    _routing(f"model-{secrets.token_hex(6)}")


def test_the_task_brings_the_price(settings: Settings) -> None:
    settings.ORBIT_PROCESS = "web"
    _routing("gpt-4o-2024-11-20")
    assert price_new_models() >= 1
    assert Price.objects.filter(provider="openai", model="gpt-4o-2024-11-20").exists()
