from __future__ import annotations

from typing import Any

import pytest

from audit.models import OutboxEntry
from orbit.lib import access
from tenants import services
from tenants.models import Organization
from tenants.suspending import whom
from tests.tenants.conftest import Answer, run


@pytest.fixture
def paths(organization: Organization) -> list[str]:
    """An organization, a project and a key."""
    where: dict[str, Any] = {"organization_id": organization.id, "actor": "test"}
    services.save_project(**where, slug="bot", name="Bot")
    services.issue_key(**where, project="bot", name="main")
    return [organization.slug, f"{organization.slug}/bot", f"{organization.slug}/bot/main"]


def suspend(path: str, reason: str = "a leak") -> Answer:
    return run("suspend", path, "--reason", reason)


def test_command_suspends_and_resumes_with_acts(organization: Organization, paths: list[str]) -> None:
    for path in paths:
        assert suspend(path).out == f"{path} is now suspended.\n"
        assert suspend(path, "another").out == f"{path} is already suspended.\n"
        row = whom(path)
        assert (row.suspended_at is not None, row.suspended_for) == (True, "a leak")
        assert run("resume", path).out == f"{path} is resumed.\n"
        assert run("resume", path).out == f"{path} is not suspended.\n"
    with access.scope(organization_id=organization.id):
        acts = [entry.event["detail"] for entry in OutboxEntry.objects.order_by("id")][-6:]
    assert [(act["action"], act["target"]) for act in acts] == [
        ("organization.suspend", organization.slug),
        ("organization.resume", organization.slug),
        ("project.suspend", "bot"),
        ("project.resume", "bot"),
        ("key.suspend", "bot/main"),
        ("key.resume", "bot/main"),
    ]
    assert acts[0]["before"] == {"suspended_at": None, "suspended_for": ""}
    assert acts[0]["after"]["suspended_for"] == acts[1]["before"]["suspended_for"] == "a leak"


@pytest.mark.parametrize("path", ["no-such", "{0}/no-such", "{0}/bot/no-such", "{0}/bot/main/more", ""])
def test_unknown_paths_are_refused(paths: list[str], path: str) -> None:
    answer = suspend(path.format(paths[0]))
    assert answer.code == 2
    assert "there is no" in answer.err


def test_revoked_keys_and_archived_projects_are_not_suspended(
    organization: Organization, paths: list[str]
) -> None:
    services.archive_project(organization_id=organization.id, slug="bot", actor="test")
    assert [suspend(path).code for path in paths[1:]] == [2, 2]
