"""Drafts tried on past calls in the background: begun, left and come back to, stopped, told in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from celery import current_app
from django.core.cache import cache
from django.test import Client
from kombu.exceptions import OperationalError

from console.policies import draft, trials
from console.tasks import try_draft
from tenants import services
from tests.console.conftest import Tenant, make_tenant
from tests.console.test_policy_pages import DOCUMENT, HTMX, current, edited, joined, page


@pytest.fixture(autouse=True)
def unsent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What went to the queue; tests play the worker."""
    sent: list[tuple[str, ...]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, given, queue: sent.append((name, *given)))
    cache.delete("policy-trial-turn")
    return sent


@pytest.fixture
def client(tenant: Tenant) -> Client:
    return tenant.client()


Begin = Callable[..., trials.Trial]


@pytest.fixture
def begin(tenant: Tenant, client: Client) -> Begin:
    def begun(days: int = 7, **given: str) -> trials.Trial:
        answer = client.post(
            f"{tenant.path}policies/default/trials/", edited(more={"days": str(days), **given}), headers=HTMX
        )
        assert answer.status_code == 200
        found = trials.latest(tenant.organization.pk, "default")
        assert found is not None
        assert answer["HX-Push-Url"].endswith(f"?trial={found.id}")
        return found

    return begun


def part(tenant: Tenant, client: Client, trial: trials.Trial) -> str:
    answer = client.get(f"{tenant.path}policies/default/trials/{trial.id}/", headers=HTMX)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_trial_runs_in_the_background_and_can_be_come_back_to(
    tenant: Tenant, client: Client, begin: Begin, unsent: list[tuple[str, ...]]
) -> None:
    key, _ = services.issue_key(
        organization_id=tenant.organization.pk, project="chatbot", name="production", actor="test"
    )
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
    for second in range(3):
        tenant.call(at + timedelta(seconds=second), key_id=key.pk, settled_at=at + timedelta(seconds=second))
    one = {**DOCUMENT["limits"][0], "per": "day", "limit": 1, "burst": None}
    trial = begin(days=1, document=draft.written({"limits": [one]}), base=draft.written({"limits": [one]}))
    assert unsent == [("console.tasks.try_draft", str(tenant.organization.pk), trial.id)]
    assert "Waits for its turn" in part(tenant, client, trial)
    assert "being tried on past calls" in page(client, f"{tenant.path}policies/default/")
    try_draft(str(tenant.organization.pk), trial.id)
    told = part(tenant, client, trial)
    assert "2 of the 3 calls of the last day would have been refused, 66.7%" in told
    assert "rpm: requests per day" in told
    assert "chatbot/production" in told
    assert "Every call could be judged" in told
    assert "every 1s" not in told
    back = page(client, f"{tenant.path}policies/default/edit/", trial=trial.id)
    assert "2 of the 3 calls" in back
    assert "limit: 1" in back
    assert current(tenant)[0] == 1
    assert "is not saved" in page(client, f"{tenant.path}policies/default/")


def test_what_cannot_be_judged_is_told(tenant: Tenant, client: Client, begin: Begin) -> None:
    tenant.call(datetime.now(UTC) - timedelta(hours=2), key_id=UUID(int=1))
    trial = begin()
    try_draft(str(tenant.organization.pk), trial.id)
    told = part(tenant, client, trial)
    assert "No call of the last" in told
    assert "1 call could not be judged" in told
    assert "its key is gone" in told


def test_a_trial_is_stopped_by_whoever_wants_it_no_more(tenant: Tenant, client: Client, begin: Begin) -> None:
    trial = begin()
    stopped = client.post(f"{tenant.path}policies/default/trials/{trial.id}/stop/", headers=HTMX)
    assert "It was stopped" in stopped.content.decode()
    try_draft(str(tenant.organization.pk), trial.id)
    found = trials.find(tenant.organization.pk, trial.id)
    assert found is not None
    assert (found.state, found.answer) == ("stopped", None)


def test_a_trial_that_runs_notices_that_it_was_stopped(
    tenant: Tenant, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = begin()

    def simulate(told: Callable[[float], None], **_: Any) -> None:
        told(0.25)
        half = trials.find(tenant.organization.pk, trial.id)
        assert half is not None
        assert (half.state, half.percent) == ("running", 25)
        trials.stop(half)
        told(0.5)
        raise AssertionError("went on")

    monkeypatch.setattr(trials, "simulate", simulate)
    assert trials.run(tenant.organization.pk, trial.id)
    found = trials.find(tenant.organization.pk, trial.id)
    assert found is not None
    assert found.state == "stopped"


def test_trials_go_one_after_the_other(tenant: Tenant, begin: Begin) -> None:
    trial = begin()
    cache.add("policy-trial-turn", "another", 60)
    assert not trials.run(tenant.organization.pk, trial.id)
    cache.delete("policy-trial-turn")
    assert trials.run(tenant.organization.pk, trial.id)
    assert cache.add("policy-trial-turn", "next", 1)


def test_a_trial_whose_worker_died_is_called_lost(tenant: Tenant, client: Client, begin: Begin) -> None:
    trial = begin()
    long_ago = (datetime.now(UTC) - timedelta(minutes=3)).isoformat()
    trials._keep(replace(trial, state="running", told_at=long_ago))
    assert "Nobody works at it any more" in part(tenant, client, trial)


def test_a_queue_that_is_away_is_told(
    tenant: Tenant, client: Client, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OperationalError

    monkeypatch.setattr(current_app, "send_task", away)
    assert "nobody took it up" in part(tenant, client, begin())


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"days": "0"}, "Days must be 1 to 31"),
        ({"days": "x"}, "Days must be"),
        ({"days": "1", "document": "limits: 5"}, "no policy yet"),
    ],
)
def test_a_trial_of_nonsense_is_not_begun(
    tenant: Tenant, client: Client, given: dict[str, str], says: str
) -> None:
    answer = client.post(f"{tenant.path}policies/default/trials/", edited(more=given), headers=HTMX)
    assert says in answer.content.decode()
    plain = client.post(f"{tenant.path}policies/default/trials/", edited(more=given))
    assert plain.status_code == 400
    assert trials.latest(tenant.organization.pk, "default") is None


def test_trials_are_of_their_organization_and_policy_alone(
    tenant: Tenant, client: Client, begin: Begin
) -> None:
    trial = begin()
    other = make_tenant()
    foreign = other.client().get(f"{other.path}policies/default/trials/{trial.id}/", headers=HTMX)
    assert "That trial is gone" in foreign.content.decode()
    assert other.client().get(f"{tenant.path}policies/default/trials/{trial.id}/").status_code == 404
    for role in ("developer", "auditor"):
        assert (
            joined(tenant, role).get(f"{tenant.path}policies/default/trials/{trial.id}/").status_code == 403
        )
