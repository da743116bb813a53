"""What narrows a key, as the file says it and as services take it."""

from __future__ import annotations

from typing import Any

import pytest

from audit.models import OutboxEntry
from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import services
from tenants.models import ApiKey, Organization
from tenants.schema import Invalid
from tests.tenants.conftest import Apply, export


def keys_of(entry: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = entry["projects"][0]["keys"]
    return found


def test_file_narrows_a_key_and_opens_it_again(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    keys_of(entry)[1]["allow"] = {"models": ["f*"], "ip_ranges": ["192.0.2.0/24"], "endpoints": ["*"]}
    assert apply(entry).code == 0
    assert keys_of(export(slug))[1]["allow"] == {"models": ["f*"], "ip_ranges": ["192.0.2.0/24"]}
    assert apply(export(slug)).json["changed"] is False
    del keys_of(entry)[1]["allow"]
    (step,) = apply(entry).json["plan"]
    assert (step["op"], step["kind"], step["fields"]) == ("update", "key", ["allow"])
    assert "allow" not in keys_of(export(slug))[1]


@pytest.mark.parametrize(
    ("allow", "path", "message"),
    [
        ({"models": ["fsat"]}, "models[0]", "there is no model 'fsat'"),
        ({"models": ["fast", "gpt-*"]}, "models[1]", "no model of the organization matches 'gpt-*'"),
        ({"models": ["a b"]}, "models[0]", "must be a model's name"),
        ({"endpoints": ["chat"]}, "endpoints[0]", "'chat' is not known"),
        ({"ip_ranges": ["192.0.2.1/24"]}, "ip_ranges[0]", "bits set behind its prefix"),
        ({"model": ["fast"]}, "model", "unknown field"),
    ],
)
def test_wrong_scope_is_told_by_its_path(
    apply: Apply, entry: dict[str, Any], allow: dict[str, Any], path: str, message: str
) -> None:
    keys_of(entry)[1]["allow"] = allow
    answer = apply(entry)
    assert answer.code == 2
    error = answer.error_at(f"organizations[0].projects[0].keys[1].allow.{path}")
    assert message in error["message"]


def test_policy_takes_patterns_of_models_too(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    entry["policies"][1]["allow"] = {"models": ["st*"]}
    assert apply(entry).code == 0
    assert apply(export(slug)).json["changed"] is False


def test_change_of_scope_is_an_act_and_leaves_nothing_as_it_was_by_accident(
    organization: Organization,
) -> None:
    services.save_project(organization_id=organization.id, slug="bot", name="Bot", actor="test")
    key, _ = services.issue_key(
        organization_id=organization.id, project="bot", name="k", allow={"models": ["fast"]}, actor="test"
    )
    same: dict[str, Any] = {
        "organization_id": organization.id,
        "key_id": key.id,
        "rotate_after_days": None,
        "actor": "test",
    }
    with pytest.raises(TypeError, match="allow"):
        services.change_key(**same, policy=None, expires_at=None)
    with pytest.raises(Invalid, match="endpoints"):
        services.change_key(**same, policy=None, allow={"endpoints": ["none"]}, expires_at=None)
    saved = services.change_key(**same, policy=None, allow={"models": ["*"]}, expires_at=None)
    assert saved.fields == ("allow",)
    with access.scope(organization_id=organization.id):
        act = OutboxEntry.objects.order_by("-id")[0].event["detail"]
        stored = ApiKey.objects.get()
    assert (act["before"], act["after"]) == ({"allow": {"models": ["fast"]}}, {"allow": {}})
    assert (stored.allow, stored.generation) == ({}, 2)


def test_model_that_a_key_is_narrowed_to_stays(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    entry["models"] = entry["models"][:1]
    entry["models"][0]["fallbacks"] = []
    entry["policies"][0]["allow"]["models"] = ["*"]
    entry["policies"][0]["limits"][2]["models"] = None
    keys_of(entry)[1]["allow"] = {"models": ["fast"]}
    assert apply(entry).code == 0
    with access.operator():
        organization_id = Organization.objects.get(slug=slug).id
    with pytest.raises(InputError, match="key 'staging' is narrowed to 'fast'"):
        services.delete_model(organization_id=organization_id, alias="fast", actor="test")
