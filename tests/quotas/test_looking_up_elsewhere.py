from __future__ import annotations

import secrets
from typing import Any

import pytest
from celery import current_app
from pytest_django import Settings

from quotas import contracts
from quotas.models import Price
from quotas.tasks import price_models
from tenants import services
from tenants.models import Organization

Sent = list[tuple[str, list[str]]]


@pytest.fixture
def sent(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What this process, a web worker now, leaves to the task worker."""
    found: Sent = []
    settings.ORBIT_PROCESS = "web"
    monkeypatch.setattr(current_app, "send_task", lambda name, given: found.append((name, given)))
    return found


def _routing(model: str) -> Organization:
    organization = services.create_organization(slug=f"t-{secrets.token_hex(6)}", actor="test")
    where: dict[str, Any] = {"organization_id": organization.pk, "actor": "test"}
    services.save_account(**where, name="main", kind="openai")
    services.save_model(**where, alias="fast", targets=[services.NewTarget("main", model)])
    return organization


def test_a_web_worker_leaves_prices_to_the_task_worker(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contracts, "reseed", lambda *_, **__: pytest.fail("it was looked up here"))
    organization = _routing(f"model-{secrets.token_hex(6)}")
    assert sent == [("quotas.tasks.price_models", [str(organization.pk)])]


def test_the_task_brings_the_price(sent: Sent) -> None:
    organization = _routing("gpt-4o-2024-11-20")
    price_models(str(organization.pk))
    assert Price.objects.filter(provider="openai", model="gpt-4o-2024-11-20").exists()
