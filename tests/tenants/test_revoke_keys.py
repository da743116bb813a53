"""Many keys ended at once: those that were meant, an act for each, and never all by accident."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from audit.models import OutboxEntry
from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import services
from tenants.key_list import Selection, list_keys
from tenants.models import ApiKey, Organization
from tenants.services import issued_keys
from tests.tenants.conftest import run


@pytest.fixture
def keys(organization: Organization, other: Organization) -> dict[str, ApiKey]:
    """By path; another organization has the same ones."""
    made = {}
    for here in (other, organization):
        for project in ("bot", "jobs"):
            services.save_project(organization_id=here.id, slug=project, name=project, actor="test")
            for name, actor in (("ci-one", "ada"), ("ci-two", "ada"), ("prod", "bob")):
                key, _ = services.issue_key(organization_id=here.id, project=project, name=name, actor=actor)
                made[f"{project}/{name}"] = key
    return made


def left(organization: Organization) -> list[str]:
    return [f"{one['project']}/{one['name']}" for one in list_keys(organization.id, Selection())]


def revocations(organization: Organization) -> list[dict[str, Any]]:
    with access.scope(organization_id=organization.id):
        details = [one.event["detail"] for one in OutboxEntry.objects.order_by("id")]
    return [one for one in details if one["action"] == "key.revoke"]


@pytest.mark.parametrize(
    ("selection", "gone"),
    [
        (Selection(project="bot"), {"bot/ci-one", "bot/ci-two", "bot/prod"}),
        (Selection(created_by="bob"), {"bot/prod", "jobs/prod"}),
        (Selection(name="ci-*", project="jobs"), {"jobs/ci-one", "jobs/ci-two"}),
        (Selection(name="*"), None),
        (Selection(unused_since=datetime.now(UTC) - timedelta(days=1)), set()),
        (Selection(unused_since=datetime.now(UTC) + timedelta(days=1)), None),
    ],
)
def test_what_is_selected_is_revoked_and_nothing_else(
    organization: Organization,
    other: Organization,
    keys: dict[str, ApiKey],
    selection: Selection,
    gone: set[str] | None,
) -> None:
    gone = set(keys) if gone is None else gone
    revoked = services.revoke_keys(
        organization_id=organization.id, selection=selection, actor="ops", reason="spring cleaning"
    )
    assert {f"{one.project.slug}/{one.name}" for one in revoked} == gone
    assert set(left(organization)) == set(keys) - gone
    assert len(left(other)) == len(keys)
    acts = revocations(organization)
    assert {one["target"] for one in acts} == gone
    for act in acts:
        assert (act["actor"], act["before"]) == ("ops", {"revoked_at": None})
        assert act["after"]["revoked_at"]
        assert act["after"]["reason"] == "spring cleaning"
    with access.operator():
        generations = ApiKey.objects.filter(pk__in=[one.pk for one in revoked]).values_list("generation")
    assert set(generations) <= {(2,)}


def test_selection_that_says_nothing_is_refused(organization: Organization, keys: dict[str, ApiKey]) -> None:
    with pytest.raises(InputError, match="names no key in particular"):
        services.revoke_keys(organization_id=organization.id, selection=Selection(), actor="ops")
    assert len(left(organization)) == len(keys)


def test_more_than_one_transactions_worth_is_revoked(
    organization: Organization, keys: dict[str, ApiKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issued_keys, "AT_ONCE", 2)
    revoked = services.revoke_keys(
        organization_id=organization.id, selection=Selection(project="bot"), actor="ops"
    )
    assert len(revoked) == len(revocations(organization)) == 3


def test_command_lists_first_and_revokes_when_told(
    organization: Organization, keys: dict[str, ApiKey]
) -> None:
    slug = organization.slug
    choice = ("keys", "revoke", "--organization", slug, "--name", "ci-*", "--project", "bot")
    assert "Nothing was revoked. --yes revokes these 2." in run(*choice).out
    assert run(*choice, "--json").json["selected"] == [f"{slug}/bot/ci-one", f"{slug}/bot/ci-two"]
    assert len(left(organization)) == len(keys)
    answer = run(*choice, "--yes", "--json", "--reason", "left the team").json
    assert answer["revoked"] == [f"{slug}/bot/ci-one", f"{slug}/bot/ci-two"]
    assert {act["after"]["reason"] for act in revocations(organization)} == {"left the team"}
    assert run("keys", "revoke", f"{slug}/bot/prod").code == 0
    assert left(organization) == ["jobs/ci-one", "jobs/ci-two", "jobs/prod"]


def test_command_refuses_what_could_mean_too_much(
    organization: Organization, keys: dict[str, ApiKey]
) -> None:
    slug = organization.slug
    for arguments in (
        (),
        ("--organization", slug, "--yes"),
        (f"{slug}/bot/prod", "--organization", slug),
        (f"{slug}/bot/prod", "--name", "*"),
        (f"{slug}/bot/none",),
        ("--organization", slug, "--project", "none", "--yes"),
        ("--organization", slug, "--name", "ci.*", "--yes"),
    ):
        assert run("keys", "revoke", *arguments).code == 2, arguments
    assert len(left(organization)) == len(keys)
