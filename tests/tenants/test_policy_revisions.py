"""A policy's revisions: kept as they are, compared in words, and gone back to in one step."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from django.db import ProgrammingError, connection, transaction

from audit.models import OutboxEntry
from orbit.lib import access
from orbit.lib.errors import InputError
from tenants.comparison import compare
from tenants.models import Organization, Policy, PolicyRevision
from tenants.schema import policy_document
from tenants.services import delete_policy, rollback_policy, save_policy
from tenants.services.policies import Outdated
from tests.tenants.conftest import Apply, run

RPM = {"name": "rpm", "meter": "requests", "per": "minute", "limit": 600}
DAILY = {"name": "daily", "meter": "tokens", "per": "day", "limit": 5_000_000}
BUDGET = {"name": "budget", "meter": "cost", "per": "month", "limit": "500.00"}


def saved(organization: Organization, *limits: dict[str, Any], reason: str = "", **fields: Any) -> None:
    save_policy(
        organization_id=organization.id,
        name="default",
        document={"limits": list(limits), **fields},
        actor="ada@example.com",
        reason=reason,
    )


def acts(organization: Organization) -> list[dict[str, Any]]:
    with access.scope(organization_id=organization.id):
        entries = OutboxEntry.objects.order_by("pk").values_list("event__detail", flat=True)
        return [one for one in entries if one["action"].startswith("policy.")]


@pytest.mark.parametrize(
    "statement", ["UPDATE tenants_policyrevision SET reason = 'x'", "DELETE FROM tenants_policyrevision"]
)
def test_the_app_can_neither_edit_nor_delete_a_revision(organization: Organization, statement: str) -> None:
    saved(organization, RPM)
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        access.scope(organization_id=organization.id),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_revisions_go_with_their_policy(organization: Organization) -> None:
    saved(organization, RPM)
    saved(organization, DAILY)
    delete_policy(organization_id=organization.id, name="default", actor="test")
    with access.scope(organization_id=organization.id):
        assert not Policy.objects.exists()
        assert not PolicyRevision.objects.exists()
    assert acts(organization)[-1]["before"]["limits"][0]["name"] == "daily"


def test_difference_is_told_by_field_and_by_limit() -> None:
    before = policy_document(
        {"limits": [RPM, DAILY], "caps": {"max_output_tokens": 8192}, "allow": {"models": ["a", "b"]}}
    )
    after = policy_document(
        {
            "limits": [BUDGET | {"shadow": True}, RPM | {"limit": 300}],
            "allow": {"models": ["a"]},
            "on_disconnect": {"drain": {"max_s": 60, "max_cost": "0.50"}},
        }
    )
    assert [one.words for one in compare(before, after)] == [
        "~ allow.models: a, b → a",
        "~ caps.max_output_tokens: 8192 → not set",
        "~ on_disconnect: not set → drain max_s 60, max_cost 0.50",
        "~ limits.rpm.limit: 600 → 300",
        "~ limits.rpm.burst: 600 → 300",
        "- limits.daily: 5000000 tokens per day",
        "+ limits.budget: 500.00 cost per month, shadow true",
    ]
    assert compare(before, before) == []


def test_other_order_of_limits_is_a_difference() -> None:
    one, other = (policy_document({"limits": limits}) for limits in ([RPM, DAILY], [DAILY, RPM]))
    assert [one.words for one in compare(one, other)] == ["~ order of limits: rpm, daily → daily, rpm"]


def test_rollback_is_a_new_revision_that_says_so(organization: Organization) -> None:
    saved(organization, RPM)
    saved(organization, DAILY, reason="tokens count")
    answer = rollback_policy(
        organization_id=organization.id, name="default", number=1, actor="bob@example.com", reason="too tight"
    )
    assert (answer.row.revision, answer.fields) == (3, ("limits",))
    with access.scope(organization_id=organization.id):
        first, _, third = PolicyRevision.objects.order_by("number")
    assert third.document == first.document
    assert (third.author, third.reason) == ("bob@example.com", "back to revision 1: too tight")
    act = acts(organization)[-1]
    assert (act["action"], act["actor"], act["target"]) == ("policy.rollback", "bob@example.com", "default")
    assert act["before"]["limits"][0]["name"] == "daily"
    assert (act["after"]["limits"][0]["name"], act["after"]["revision"], act["after"]["back_to"]) == (
        "rpm",
        3,
        1,
    )


def test_rollback_to_what_is_in_force_changes_nothing(organization: Organization) -> None:
    saved(organization, RPM)
    before = len(acts(organization))
    answer = rollback_policy(organization_id=organization.id, name="default", number=1, actor="test")
    assert not answer.changed
    assert len(acts(organization)) == before


def test_rollback_to_a_model_that_is_gone_is_refused(organization: Organization) -> None:
    saved(organization, RPM | {"models": ["gone"]})
    saved(organization, RPM)
    with pytest.raises(InputError, match="names models that are gone: gone"):
        rollback_policy(organization_id=organization.id, name="default", number=1, actor="test")


@pytest.mark.parametrize("number", [0, 2])
def test_rollback_to_no_revision_is_refused(organization: Organization, number: int) -> None:
    saved(organization, RPM)
    with pytest.raises(InputError, match=f"no revision {number}"):
        rollback_policy(organization_id=organization.id, name="default", number=number, actor="test")


def test_apply_tells_the_reason(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry, options=("--reason", "ticket 12"))
    history = run("policy", "history", f"{slug}/default", "--json").json["revisions"]
    assert [(one["author"], one["reason"]) for one in history] == [("manage.py apply", "ticket 12")]


def test_history_is_newest_first(organization: Organization) -> None:
    saved(organization, RPM)
    saved(organization, DAILY, reason="tokens count")
    path = f"{organization.slug}/default"
    told = run("policy", "history", path, "--json").json["revisions"]
    assert [(one["revision"], one["in_force"], one["reason"]) for one in told] == [
        (2, True, "tokens count"),
        (1, False, ""),
    ]
    first, second = run("policy", "history", path).out.splitlines()
    assert first.startswith("   2* ")
    assert first.endswith("ada@example.com: tokens count")
    assert second.endswith("ada@example.com")


def test_what_is_shown_can_be_applied(organization: Organization) -> None:
    saved(organization, RPM, caps={"max_output_tokens": 100})
    saved(organization, DAILY)
    path = f"{organization.slug}/default"
    shown = yaml.safe_load(run("policy", "show", path, "--revision", "1").out)
    assert shown.pop("name") == "default"
    assert shown["limits"] == [RPM]
    save_policy(organization_id=organization.id, name="default", document=shown, actor="test")
    answer = run("policy", "diff", path, "--from", "1", "--to", "3")
    assert answer.out == "They say the same.\n"


def test_diff_is_with_the_revision_before(organization: Organization) -> None:
    saved(organization, RPM)
    path = f"{organization.slug}/default"
    assert run("policy", "diff", path).code == 2
    saved(organization, RPM | {"limit": 300, "burst": 600})
    assert run("policy", "diff", path).out == "~ limits.rpm.limit: 600 → 300\n"
    told = run("policy", "diff", path, "--from", "2", "--to", "1", "--json").json
    assert (told["from"]["revision"], told["to"]["revision"]) == (2, 1)
    assert told["differences"] == [{"op": "changed", "path": "limits.rpm.limit", "before": 300, "after": 600}]


def test_rollback_by_command(organization: Organization) -> None:
    saved(organization, RPM)
    saved(organization, DAILY)
    path = f"{organization.slug}/default"
    assert run("policy", "rollback", path, "--to", "1").out == "Revision 3 says what revision 1 said.\n"
    again = run("policy", "rollback", path, "--to", "1", "--json").json
    assert again == {"changed": False, "revision": 3, "fields": []}


@pytest.mark.parametrize("path", ["nowhere", "nowhere/default", "{slug}/other"])
def test_policy_that_is_not_there_is_bad_input(organization: Organization, path: str) -> None:
    assert run("policy", "history", path.format(slug=organization.slug)).code == 2


def test_whoever_read_an_older_revision_is_told_and_changes_nothing(organization: Organization) -> None:
    saved(organization, RPM)
    saved(organization, DAILY)
    where: dict[str, Any] = {
        "organization_id": organization.id,
        "name": "default",
        "actor": "late@example.com",
    }
    document = {"limits": [BUDGET]}
    with pytest.raises(Outdated, match="revision 2 by now, not 1"):
        save_policy(**where, document=document, based_on=1)
    with pytest.raises(Outdated, match="already"):
        save_policy(**where, document=document, based_on=0)
    with pytest.raises(Outdated, match="revision 2"):
        rollback_policy(**where, number=1, based_on=1)
    with access.scope(organization_id=organization.id):
        assert Policy.objects.get().revision == 2
    assert save_policy(**where, document=document, based_on=2).row.revision == 3
    delete_policy(organization_id=organization.id, name="default", actor="test")
    with pytest.raises(Outdated, match="is gone"):
        save_policy(**where, document=document, based_on=3)
    assert save_policy(**where, document=document, based_on=0).created
