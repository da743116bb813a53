"""Alerts in the declarative file: applied, kept, told by path when wrong, exported without their webhook, pruned."""

from __future__ import annotations

import json
from typing import Any

import pytest

from billing.alerts.models import Alert
from billing.alerts.rules import hook_of
from orbit.lib import access
from tenants import services
from tenants.models import Organization
from tests.console.conftest import make_person
from tests.management import client_of
from tests.tenants.conftest import SECRET, Apply, entry_of, export, run

HOOK = f"https://hooks.example.com/{SECRET}"
BUDGETS = {
    "name": "Budgets",
    "budget": "budget",
    "percents": [80, 100],
    "on_forecast": True,
    "webhook": {"url": HOOK, "form": "slack"},
}


@pytest.fixture
def entry(slug: str) -> dict[str, Any]:
    return entry_of(slug) | {"alerts": [dict(BUDGETS)]}


def organization(slug: str) -> Organization:
    with access.operator():
        return Organization.objects.get(slug=slug)


def rows(slug: str) -> list[Alert]:
    with access.scope(organization_id=organization(slug).pk):
        return list(Alert.objects.order_by("name"))


def member(slug: str) -> str:
    person = make_person()
    services.add_member(organization_id=organization(slug).pk, actor="test", person=person, role="finance")
    return person.email


def only(entry: dict[str, Any], **alert: Any) -> dict[str, Any]:
    return entry | {"alerts": [{"name": "Costs", "percents": [90], **alert}]}


def test_alerts_are_stored_as_the_file_says(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    answer = apply(entry)
    steps = [step for step in answer.json["plan"] if step["kind"] == "alert"]
    assert [(step["op"], step["path"]) for step in steps] == [("create", f"{slug}/Budgets")]
    (row,) = rows(slug)
    assert (row.budget, row.percents, row.on_forecast, row.hook_form) == ("budget", [80, 100], True, "slack")
    hook = hook_of(row)
    assert hook is not None
    assert hook.url == HOOK
    assert answer.json["secrets"] == [{"kind": "alert", "path": f"{slug}/Budgets", "secret": hook.secret}]


def test_twice_is_as_once_and_the_webhooks_secret_stays(
    apply: Apply, entry: dict[str, Any], slug: str
) -> None:
    apply(entry)
    (before,) = rows(slug)
    answer = apply(entry)
    assert (answer.json["changed"], answer.json["secrets"]) == (False, [])
    (after,) = rows(slug)
    assert hook_of(after) == hook_of(before)


def test_a_webhook_without_a_form_keeps_its_own(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry)
    for webhook in ({"url": HOOK}, {}):
        assert apply(entry | {"alerts": [{**BUDGETS, "webhook": webhook}]}).code == 0
        (row,) = rows(slug)
        assert row.hook_form == "slack"
    apply(only(entry, webhook={"url": HOOK}))
    assert [row.hook_form for row in rows(slug) if row.name == "Costs"] == ["orbit"]


def test_a_change_is_an_update_of_its_fields(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry)
    entry["alerts"][0] |= {"percents": [90], "webhook": {"url": f"{HOOK}/2", "form": "slack"}}
    answer = apply(entry)
    (step,) = answer.json["plan"]
    assert (step["op"], step["fields"]) == ("update", ["percents", "hook_url"])
    assert len(answer.json["secrets"]) == 1
    del entry["alerts"][0]["webhook"]
    assert apply(entry).json["changed"] is False  # it stays as it is
    entry["alerts"][0]["webhook"] = {"url": ""}
    apply(entry)
    (row,) = rows(slug)
    assert row.hook_sealed is None


def test_the_export_has_no_webhook_and_applied_again_changes_nothing(
    apply: Apply, entry: dict[str, Any], slug: str
) -> None:
    apply(entry)
    exported = export(slug)
    assert HOOK not in json.dumps(exported)
    assert exported["alerts"] == [{**entry["alerts"][0], "webhook": {"form": "slack"}}]
    assert apply(exported, options=("--json", "--prune")).json["plan"] == []


def test_mail_goes_to_members_alone_and_others_are_left_out_with_a_warning(
    apply: Apply, entry: dict[str, Any], slug: str
) -> None:
    apply(entry)
    address = member(slug)
    answer = apply(only(entry, recipients=[address.upper(), "gone@example.org"]))
    assert answer.code == 0
    assert "alerts[0].recipients: 'gone@example.org' is no member" in answer.err
    (one,) = [row for row in rows(slug) if row.name == "Costs"]
    assert one.recipients == [address]
    answer = apply(only(entry, recipients=["gone@example.org"]))
    assert "alerts[0].webhook: the alert tells nobody yet" in answer.err


def test_prune_deletes_what_the_file_does_not_name(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry)
    apply(entry | {"alerts": []})
    assert len(rows(slug)) == 1
    answer = apply(entry | {"alerts": []}, options=("--json", "--prune"))
    assert [(step["op"], step["kind"]) for step in answer.json["plan"]] == [("delete", "alert")]
    assert rows(slug) == []


def test_a_dry_run_tells_no_secret_and_keeps_nothing(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry | {"alerts": []})
    answer = apply(entry, options=("--json", "--dry-run"))
    assert [step["kind"] for step in answer.json["plan"]] == ["alert"]
    assert answer.json["secrets"] == []
    assert rows(slug) == []


@pytest.mark.parametrize(
    ("alert", "field", "words"),
    [
        ({"percents": [0]}, ".percents[0]", "must be at least 1"),
        ({"percents": [], "on_forecast": False}, ".percents", "is missing"),
        ({"percents": list(range(1, 13))}, ".percents", "at most 10"),
        ({"webhook": {"url": "ftp://example.com"}}, ".webhook.url", ""),
        ({"webhook": {"url": "https://127.0.0.1/"}}, ".webhook.url", ""),
        ({"webhook": {"form": "teams"}}, ".webhook.form", ""),
        ({"name": "x" * 64}, ".name", ""),
        ({"limit": "y"}, ".limit", ""),
    ],
)
def test_mistakes_are_told_by_path_and_change_nothing(
    apply: Apply, entry: dict[str, Any], slug: str, alert: dict[str, Any], field: str, words: str
) -> None:
    apply(entry | {"alerts": []})
    answer = apply(only(entry, **alert))
    assert answer.code != 0
    assert words in answer.error_at(f"organizations[0].alerts[0]{field}")["message"]
    assert rows(slug) == []


def test_the_api_takes_the_right_of_alerts_and_tells_the_secret(
    apply: Apply, entry: dict[str, Any], slug: str
) -> None:
    apply(entry | {"alerts": []})
    place = f"/api/v1/organizations/{slug}/apply"
    document = {"version": 1, "organizations": [entry]}

    def sent(**credential: Any) -> Any:
        client = client_of(organization(slug).pk, **credential)
        return client.post(place, {"document": document}, content_type="application/json")

    answer = sent()
    assert answer.status_code == 200, answer.content
    assert [one["kind"] for one in answer.json()["secrets"]] == ["alert"]


def test_people_read_the_new_secret(apply: Apply, entry: dict[str, Any], slug: str, tmp_path: Any) -> None:
    file = tmp_path / "file.json"
    file.write_text(json.dumps({"version": 1, "organizations": [entry]}))
    answer = run("apply", "--file", str(file))
    assert "New secrets. They are shown this once:" in answer.out
    assert f"alert {slug}/Budgets  whsec_" in answer.out
