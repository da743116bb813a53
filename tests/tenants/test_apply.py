"""`manage.py apply`: once, twice, with a plan; `export` is its inverse."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import yaml

from audit.models import OutboxEntry
from orbit.lib import access
from tenants import keys
from tenants.models import ApiKey, Organization, Policy, PolicyRevision, ProviderAccount
from tenants.secrets import resolve
from tenants.services.policies import document_in_force
from tests.tenants.conftest import SECRET, Apply, export, run


def test_it_creates_what_the_file_says(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    answer = apply(entry)
    assert answer.code == 0
    assert answer.json["changed"] is True
    assert {(step["op"], step["kind"], step["path"]) for step in answer.json["plan"]} == {
        ("create", "organization", slug),
        ("create", "provider_account", f"{slug}/main"),
        ("create", "provider_account", f"{slug}/own"),
        ("create", "model", f"{slug}/fast"),
        ("create", "model", f"{slug}/steady"),
        ("create", "price", f"{slug}/openai/gpt-4o*@main"),
        ("create", "policy", f"{slug}/default"),
        ("create", "policy", f"{slug}/tight"),
        ("create", "project", f"{slug}/chatbot"),
        ("create", "project", f"{slug}/search"),
        ("create", "key", f"{slug}/chatbot/production"),
        ("create", "key", f"{slug}/chatbot/staging"),
    }
    issued = [(key["organization"], key["project"], key["name"]) for key in answer.json["keys"]]
    assert issued == [(slug, "chatbot", "production"), (slug, "chatbot", "staging")]
    assert all(keys.well_formed(key["secret"]) for key in answer.json["keys"])
    assert answer.json["errors"] == []


def test_twice_is_the_same_as_once(apply: Apply, entry: dict[str, Any]) -> None:
    apply(entry)
    assert apply(entry).json == {"changed": False, "plan": [], "keys": [], "secrets": [], "errors": []}


def test_twice_raises_no_version_and_writes_no_act(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry)
    before = _version_and_acts(slug)
    apply(entry)
    assert _version_and_acts(slug) == before


def _version_and_acts(slug: str) -> tuple[int, list[int]]:
    with access.operator():
        organization = Organization.objects.get(slug=slug)
    with access.scope(organization_id=organization.id):
        return organization.version, list(OutboxEntry.objects.values_list("id", flat=True))


def test_export_is_the_inverse(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry)
    exported = export(slug)
    assert apply(exported, options=("--json", "--prune")).json["plan"] == []
    assert SECRET not in json.dumps(exported)
    assert "credential" not in exported["provider_accounts"][0]
    assert exported["provider_accounts"][1]["credential"] == {"ref": "env://ACME_KEY"}
    assert exported["policies"][0]["limits"][0] == {
        "name": "rpm",
        "meter": "requests",
        "per": "minute",
        "limit": 600,
        "burst": 60,
    }


def test_an_export_recreates_the_organization(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry)
    copy = export(slug) | {"slug": f"{slug}-copy"}
    assert apply(copy).code == 0
    assert export(f"{slug}-copy") == copy


def test_json_is_read_and_written_as_well(
    entry: dict[str, Any], slug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = json.dumps({"version": 1, "organizations": [entry]}, indent="\t").encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert run("apply", "-f", "-", "--json").json["changed"]
    exported = json.loads(run("export", "--organization", slug, "--format", "json").out)
    assert exported["organizations"][0] == export(slug)


def test_a_dry_run_changes_nothing_and_tells_no_key(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    dry = apply(entry, options=("--json", "--dry-run"))
    assert dry.json["changed"] is True
    assert dry.json["keys"] == []
    with access.operator():
        assert not Organization.objects.filter(slug=slug).exists()
    wet = apply(entry)
    assert wet.json["plan"] == dry.json["plan"]


def test_a_change_names_its_fields(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry)
    entry["time_zone"] = "Asia/Tokyo"
    entry["policies"][0]["limits"][0]["limit"] = 700
    entry["models"][0]["targets"][0]["model"] = "gpt-4o"
    entry["projects"][0]["keys"][1]["policy"] = "tight"
    plan = apply(entry).json["plan"]
    assert {(step["op"], step["path"], *step["fields"]) for step in plan} == {
        ("update", slug, "time_zone"),
        ("update", f"{slug}/default", "limits"),
        ("update", f"{slug}/fast", "targets"),
        ("update", f"{slug}/chatbot/staging", "policy"),
    }


def test_a_changed_policy_is_a_new_revision(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry)
    entry["policies"][0]["limits"][0]["limit"] = 700
    apply(entry)
    with access.operator():
        organization_id = Organization.objects.get(slug=slug).id
    with access.scope(organization_id=organization_id):
        revisions = PolicyRevision.objects.filter(policy__name="default").order_by("number")
        assert [revision.document["limits"][0]["limit"] for revision in revisions] == [600, 700]
        assert {revision.author for revision in revisions} == {"manage.py apply"}


def test_a_field_left_out_takes_its_default(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry)
    del entry["policy"], entry["time_zone"]
    assert apply(entry).json["plan"] == [
        {"op": "update", "kind": "organization", "path": slug, "fields": ["policy", "time_zone"]}
    ]


def test_required_second_factor_left_out_stays_required(
    apply: Apply, entry: dict[str, Any], slug: str
) -> None:
    plan = apply(entry | {"requires_mfa": True}).json["plan"]
    assert "requires_mfa" in plan[0]["fields"]
    assert apply(entry).json["changed"] is False
    assert export(slug)["requires_mfa"] is True
    plan = apply(entry | {"requires_mfa": False}).json["plan"]
    assert plan == [{"op": "update", "kind": "organization", "path": slug, "fields": ["requires_mfa"]}]
    assert "requires_mfa" not in export(slug)


def test_a_credential_left_out_is_kept(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry)
    del entry["provider_accounts"][0]["credential"]
    assert apply(entry).json["changed"] is False
    with access.operator():
        account = ProviderAccount.objects.get(organization__slug=slug, name="main")
    assert resolve(account).reveal() == SECRET


def test_a_credential_in_the_file_is_warned_about(apply: Apply, entry: dict[str, Any]) -> None:
    answer = apply(entry)
    assert "organizations[0].provider_accounts[0].credential.value" in answer.err
    assert SECRET not in answer.err


def test_a_file_may_name_what_is_there_already(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry)
    more = {key: entry[key] for key in ("slug", "name", "time_zone", "calendar", "policy")}
    more["projects"] = [{"slug": "third", "policy": "tight", "keys": [{"name": "production"}]}]
    plan = apply(more).json["plan"]
    assert [step["path"] for step in plan] == [f"{slug}/third", f"{slug}/third/production"]


def test_prune_removes_what_is_not_named(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry)
    left = {"slug": slug, "name": "Acme GmbH", "projects": [{"slug": "search"}]}
    plan = apply(left, options=("--json", "--prune")).json["plan"]
    assert [(step["kind"], step["path"]) for step in plan if step["op"] == "delete"] == [
        ("key", f"{slug}/chatbot/production"),
        ("key", f"{slug}/chatbot/staging"),
        ("project", f"{slug}/chatbot"),
        ("policy", f"{slug}/default"),
        ("policy", f"{slug}/tight"),
        ("model", f"{slug}/fast"),
        ("model", f"{slug}/steady"),
        ("price", f"{slug}/openai/gpt-4o*@main"),
        ("provider_account", f"{slug}/main"),
        ("provider_account", f"{slug}/own"),
    ]
    with access.operator():
        rows = ApiKey.objects.filter(organization__slug=slug)
        assert all(key.revoked_at and key.generation == 2 for key in rows)
        assert Organization.objects.filter(slug=slug).exists()
    assert apply(left, options=("--json", "--prune")).json["changed"] is False


def test_prune_stays_inside_the_organizations_named(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry, entry | {"slug": f"{slug}-b"})
    apply({"slug": slug}, options=("--json", "--prune"))
    assert apply(entry | {"slug": f"{slug}-b"}).json["changed"] is False


def test_prune_refuses_references_to_what_it_removes(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry)
    answer = apply({"slug": slug, "policy": "default"}, options=("--json", "--prune"))
    assert answer.code == 2
    assert answer.error_at("organizations[0].policy")["message"] == "there is no policy 'default'"


def test_a_revoked_key_that_is_named_again_is_a_new_one(apply: Apply, entry: dict[str, Any]) -> None:
    first = apply(entry).json["keys"][1]
    named = entry["projects"][0]["keys"].pop()
    apply(entry, options=("--json", "--prune"))
    entry["projects"][0]["keys"].append(named)
    (second,) = apply(entry).json["keys"]
    assert second["name"] == first["name"]
    assert second["secret"] != first["secret"]


def test_an_archived_project_opens_again(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry)
    project = entry["projects"].pop()
    apply(entry, options=("--json", "--prune"))
    entry["projects"].append(project)
    assert [step["path"] for step in apply(entry).json["plan"]] == [f"{slug}/search"]


def test_words_show_plan_and_keys(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    answer = apply(entry, options=())
    assert f"+ key {slug}/chatbot/production" in answer.out
    assert "orb_" in answer.out
    assert "Nothing to change." in apply(entry, options=()).out


@pytest.mark.full  # there may be thousands of organizations
def test_everything_is_exported_by_default(apply: Apply, slug: str) -> None:
    apply({"slug": slug}, {"slug": f"{slug}-b"})
    slugs = [one["slug"] for one in yaml.safe_load(run("export").out)["organizations"]]
    assert {slug, f"{slug}-b"} <= set(slugs)
    assert run("export", "--organization", "nobody-here").code == 2


def _policy(slug: str, name: str) -> dict[str, Any]:
    with access.operator():
        revision = PolicyRevision.objects.filter(policy__name=name, organization__slug=slug).latest("number")
    document: dict[str, Any] = revision.document
    return document


def test_a_policy_is_stored_whole(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry)
    document = _policy(slug, "tight")
    per_user, rpm, trial = document["limits"]
    assert per_user == {
        "name": "per-user",
        "meter": "cost",
        "per": "day",
        "limit": "2.00",
        "burst": None,
        "models": None,
        "of": "each_end_user",
        "shadow": False,
        "temporary": None,
    }
    assert rpm["temporary"] == {"limit": 120, "until": "2031-01-01T00:00:00.000000Z"}
    assert trial["shadow"] is True
    assert document["on_store_failure"] == "local_share"
    assert document["output_reserve"] == "learned"
    assert document["on_disconnect"] == {"drain": {"max_s": 60, "max_cost": "0.50"}}
    unsaid = _policy(slug, "default")
    assert (unsaid["on_store_failure"], unsaid["output_reserve"], unsaid["on_disconnect"]) == (
        "closed",
        None,
        None,
    )


def test_export_tells_what_is_unusual_of_a_policy(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry)
    default, tight = export(slug)["policies"]
    assert {"shadow", "temporary", "of"}.isdisjoint(default["limits"][0])
    assert {"output_reserve", "on_disconnect", "on_store_failure"}.isdisjoint(default)
    assert tight["limits"][0]["of"] == "each_end_user"
    assert tight["limits"][1]["temporary"]["limit"] == 120
    assert tight["limits"][2]["shadow"] is True
    assert tight["on_disconnect"] == {"drain": {"max_s": 60, "max_cost": "0.50"}}


def test_an_increase_that_has_ended_is_kept(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    """It was right when it was written; the same file must not become wrong by the passing of time."""
    entry["policies"][1]["limits"][1]["temporary"]["until"] = "2020-01-01T00:00:00Z"
    assert apply(entry).code == 0
    assert apply(entry).json["changed"] is False
    kept = export(slug)["policies"][1]["limits"][1]["temporary"]
    assert kept == {"limit": 120, "until": "2020-01-01T00:00:00.000000Z"}


def test_a_policy_of_an_older_version_is_exported(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry)
    with access.operator():
        organization = Organization.objects.get(slug=slug)
    with access.scope(organization_id=organization.id):
        policy = Policy.objects.get(name="default")
        document = document_in_force(policy)
        del document["output_reserve"]
        for limit in document["limits"]:
            del limit["shadow"], limit["temporary"]
        old = document | {"on_disconnect": "cancel"}
        PolicyRevision.objects.create(
            organization_id=organization.id, policy=policy, number=99, document=old, author="test"
        )
        Policy.objects.filter(pk=policy.pk).update(revision=99)
    exported = export(slug)["policies"][0]
    assert exported["on_disconnect"] == "cancel"
    assert exported["limits"][0] == entry["policies"][0]["limits"][0]
