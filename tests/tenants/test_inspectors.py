"""Inspectors in policies and in the declarative file."""

from __future__ import annotations

from typing import Any

import pytest

from dlp.policy import Direction, inspecting
from orbit.lib import access
from tenants import services
from tenants.models import Inspector, Organization
from tenants.schema import Invalid, policy_document
from tenants.secrets import local, resolve, stores
from tests.inspectors import KEY, WHSEC
from tests.tenants.conftest import Apply, export

RULES = [{"types": ["HATE"], "action": "block"}]
WATCH = {"name": "watch", "kind": "openai_moderation", "credential": {"value": KEY}, "price": "1.00"}
HOOK = {
    "name": "own",
    "kind": "webhook",
    "base_url": "https://inspect.example.com",
    "credential": {"value": WHSEC},
}


def entry(slug: str, *inspectors: dict[str, Any], **dlp: Any) -> dict[str, Any]:
    policy = {"name": "default", **({"dlp": {"rules": RULES, **dlp}} if dlp else {})}
    return {"slug": slug, "inspectors": list(inspectors), "policies": [policy], "policy": "default"}


def rows(slug: str) -> list[Inspector]:
    with access.operator():
        organization = Organization.objects.get(slug=slug)
    with access.scope(organization_id=organization.pk):
        return list(Inspector.objects.order_by("name"))


def test_a_file_makes_them_before_the_policies_that_name_them(apply: Apply, slug: str) -> None:
    answer = apply(entry(slug, WATCH, HOOK, inspectors=[{"name": "watch", "on_failure": "pass"}]))
    assert answer.code == 0, answer.err
    assert [(row.name, row.kind) for row in rows(slug)] == [
        ("own", "webhook"),
        ("watch", "openai_moderation"),
    ]
    assert "inspectors[0].credential.value" in answer.err
    exported = export(slug)
    assert [one["name"] for one in exported["inspectors"]] == ["own", "watch"]
    assert KEY not in str(exported)
    assert exported["policies"][0]["dlp"]["inspectors"][0]["on_failure"] == "pass"
    assert apply(exported).json["changed"] is False
    assert resolve(rows(slug)[1]).reveal() == KEY


def test_prune_takes_those_away_that_the_file_does_not_name(apply: Apply, slug: str) -> None:
    assert apply(entry(slug, WATCH, HOOK)).code == 0
    assert apply(entry(slug, HOOK), options=("--json", "--prune")).code == 0
    assert [row.name for row in rows(slug)] == ["own"]


def test_a_policy_without_any_reads_as_it_did() -> None:
    assert "inspectors" not in policy_document({"dlp": {"rules": [{"types": ["*"], "action": "log"}]}})["dlp"]


@pytest.mark.parametrize(
    ("dlp", "path"),
    [
        ({"inspectors": [{"name": "watch"}]}, "dlp.inspectors"),
        ({"inspectors": [{"name": "watch", "before_masking": True, "on": "answer"}], "rules": RULES}, "dlp.inspectors[0].before_masking"),
        ({"inspectors": [{"name": "watch", "on_failure": "shrug"}], "rules": RULES}, "dlp.inspectors[0].on_failure"),
        ({"inspectors": [{"name": "watch", "deadline_ms": 5}], "rules": RULES}, "dlp.inspectors[0].deadline_ms"),
        ({"inspectors": [{"name": "watch", "thresholds": {"HATE": 2}}], "rules": RULES}, "dlp.inspectors[0].thresholds.HATE"),
        ({"inspectors": [{"name": "watch", "thresholds": {"hate": 0.5}}], "rules": RULES}, "dlp.inspectors[0].thresholds.hate"),
        ({"inspectors": [{"name": "watch"}, {"name": "watch"}], "rules": RULES}, "dlp.inspectors[1].name"),
        ({"rules": RULES}, "dlp.rules[0].types[0]"),
    ],
)  # fmt: skip
def test_what_a_policy_cannot_say_is_told_by_its_place(dlp: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as refused:
        policy_document({"dlp": dlp})
    assert [one.path for one in refused.value.problems] == [path]


def test_of_several_policies_the_stricter_counts() -> None:
    def said(**named: Any) -> dict[str, Any]:
        return policy_document({"dlp": {"inspectors": [{"name": "watch", **named}], "rules": RULES}})

    policy = inspecting(
        [
            said(on_failure="pass", before_masking=True, thresholds={"HATE": 0.4}, deadline_ms=100),
            said(on="answer", thresholds={"HATE": 0.6, "VIOLENCE": 0.7}, deadline_ms=900),
        ]
    )
    assert policy is not None
    (one,) = policy.named
    assert one.directions == {Direction.REQUEST, Direction.ANSWER}
    assert (one.refuses, one.before_masking, one.deadline_s) == (True, False, 0.9)
    assert one.thresholds == {"HATE": 0.4, "VIOLENCE": 0.7}


def test_credentials_are_sealed_anew_with_the_others(organization: Organization, settings: Any) -> None:
    where: dict[str, Any] = {"organization_id": organization.pk, "actor": "test"}
    services.save_inspector(
        **where, name="watch", kind="openai_moderation", credential=services.NewCredential(value=KEY)
    )
    settings.ORBIT_MASTER_KEY = f"9:{'B' * 43}=,{settings.ORBIT_MASTER_KEY}"
    services.rewrap_credentials(**where)
    with access.scope(organization_id=organization.pk):
        row = Inspector.objects.get(name="watch")
    assert local.key_version(bytes(row.credential_sealed or b"")) == 9
    assert resolve(row).reveal() == KEY
    assert stores.place(row).row_id == row.pk
