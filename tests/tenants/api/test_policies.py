"""Policies over the API: put, listed, compared, rolled back, tried; and requests for more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orbit.lib import access
from tenants import services
from tenants.models import Organization, Policy, PolicyRevision
from tests.tenants.api.conftest import CallAs, Caller

DAILY = {"name": "daily", "meter": "tokens", "per": "day", "limit": 1000}
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()


@pytest.fixture
def path(slug: str) -> str:
    return f"organizations/{slug}/policies"


@pytest.fixture
def written(admin: Caller, path: str) -> str:
    """The path of a policy of two revisions."""
    for limit in (1000, 2000):
        body = {"document": {"limits": [DAILY | {"limit": limit}]}, "reason": f"to {limit}"}
        assert admin("PUT", f"{path}/default", body).status_code in (200, 201)
    return f"{path}/default"


def fields(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.json()
    return [one["field"] for one in answer.json()["errors"]]


def test_put_makes_a_policy_and_then_revisions_of_it(admin: Caller, path: str) -> None:
    body = {"document": {"limits": [DAILY]}, "reason": "a start"}
    made = admin("PUT", f"{path}/default", body)
    assert made.status_code == 201
    shown = made.json()
    assert (shown["name"], shown["revision"], shown["reason"]) == ("default", 1, "a start")
    assert shown["author"] == "management key key-0"
    assert shown["document"]["limits"][0]["limit"] == 1000
    same = admin("PUT", f"{path}/default", body)
    assert (same.status_code, same.json()) == (200, shown)
    more = admin("PUT", f"{path}/default", {"document": {"limits": []}})
    assert (more.status_code, more.json()["revision"]) == (200, 2)
    assert admin("GET", f"{path}/default").json() == more.json()


def test_list_shows_each_policy_as_it_is_in_force_page_by_page(
    admin: Caller, path: str, written: str
) -> None:
    admin("PUT", f"{path}/alpha", {"document": {}})
    first = admin("GET", f"{path}?limit=1").json()
    assert [(one["name"], one["revision"]) for one in first["data"]] == [("alpha", 1)]
    rest = admin("GET", f"{path}?limit=1&cursor={first['next_cursor']}").json()
    assert [(one["name"], one["revision"]) for one in rest["data"]] == [("default", 2)]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"limits": [DAILY | {"limit": -1}]}, "document.limits[0].limit"),
        ({"limits": [DAILY | {"meter": "tokenz"}]}, "document.limits[0].meter"),
        ({"limitz": []}, "document.limitz"),
        ({"allow": {"models": ["no way"]}}, "document.allow.models[0]"),
        ([], "document"),
    ],
)
@pytest.mark.parametrize("verb", [("PUT", "policies/default"), ("POST", "policy-check")])
def test_what_is_wrong_in_a_document_is_told_by_its_path(
    admin: Caller, slug: str, verb: tuple[str, str], document: Any, field: str
) -> None:
    answer = admin(verb[0], f"organizations/{slug}/{verb[1]}", {"document": document})
    assert fields(answer) == [field]


def test_a_bad_name_and_an_unknown_field_are_told(admin: Caller, path: str) -> None:
    assert fields(admin("PUT", f"{path}/-x", {"document": {}})) == ["name"]
    assert fields(admin("PUT", f"{path}/x", {"document": {}, "revision": 7})) == ["revision"]
    assert fields(admin("PUT", f"{path}/x", {})) == ["document"]


def test_revisions_tell_what_each_changed(admin: Caller, written: str) -> None:
    listed = admin("GET", f"{written}/revisions").json()["data"]
    assert [(one["revision"], one["reason"]) for one in listed] == [(2, "to 2000"), (1, "to 1000")]
    second = admin("GET", f"{written}/revisions/2").json()
    changed = {"op": "changed", "path": "limits.daily.limit", "before": 1000, "after": 2000}
    assert second["diff"] == [changed]
    assert admin("GET", f"{written}/revisions/1").json()["diff"] == []
    assert admin("GET", f"{written}/revisions/3").status_code == 404
    assert admin("GET", f"{written}/revisions/{10**40}").status_code == 404


def test_rollback_puts_an_old_document_in_force(admin: Caller, written: str) -> None:
    back = admin("POST", f"{written}/rollback", {"revision": 1, "reason": "too much"})
    assert (back.status_code, back.json()["revision"]) == (200, 3)
    assert back.json()["document"]["limits"][0]["limit"] == 1000
    assert back.json()["reason"] == "back to revision 1: too much"
    assert fields(admin("POST", f"{written}/rollback", {"revision": 9})) == ["revision"]
    assert fields(admin("POST", f"{written}/rollback", {"revision": "1"})) == ["revision"]
    assert fields(admin("POST", f"{written}/rollback", {"revision": 10**18})) == ["revision"]


def test_a_check_tells_the_difference_and_keeps_nothing(
    admin: Caller, organization: Organization, slug: str, written: str
) -> None:
    draft = {"document": {"allow": {"models": ["fast", "gpt-*"]}, "limits": [DAILY]}, "policy": "default"}
    checked = admin("POST", f"organizations/{slug}/policy-check", draft).json()
    assert checked["unknown_models"] == ["fast"]
    assert {one["path"] for one in checked["diff"]} == {"allow.models", "limits.daily.limit"}
    alone = admin("POST", f"organizations/{slug}/policy-check", {"document": {}}).json()
    assert alone["diff"] is None
    with access.scope(organization_id=organization.pk):
        assert PolicyRevision.objects.count() == 2
    draft["policy"] = "unknown"
    assert fields(admin("POST", f"organizations/{slug}/policy-check", draft)) == ["policy"]


def test_a_policy_in_use_stays(admin: Caller, slug: str, written: str) -> None:
    admin("PATCH", f"organizations/{slug}", {"policy": "default"})
    assert fields(admin("DELETE", written)) == ["policy"]
    admin("PATCH", f"organizations/{slug}", {"policy": None})
    assert admin("DELETE", written).status_code == 204
    assert admin("GET", written).status_code == 404
    assert admin("DELETE", written).status_code == 404


def test_scopes_are_needed(call_as: CallAs, slug: str, written: str) -> None:
    reader = call_as("organization.read")
    assert reader("GET", written).status_code == 200
    for method, path, body in (
        ("PUT", written, {"document": {}}),
        ("DELETE", written, None),
        ("POST", f"{written}/rollback", {"revision": 1}),
        ("POST", f"organizations/{slug}/policy-check", {"document": {}}),
    ):
        assert reader(method, path, body).status_code == 403
    assert call_as("policies.write")("GET", written).status_code == 403


def test_policies_of_another_organization_are_none(
    admin: Caller, call_as: CallAs, other: Organization, written: str, slug: str
) -> None:
    stranger = call_as(of=other)
    for method, path in (
        ("GET", written),
        ("PUT", written),
        ("DELETE", written),
        ("GET", f"{written}/revisions"),
        ("GET", f"{written}/revisions/1"),
        ("POST", f"{written}/rollback"),
        ("POST", f"organizations/{slug}/policy-check"),
    ):
        assert stranger(method, path, {"document": {}}).status_code == 404
    # the same name in one's own organization is one's own
    own = written.replace(slug, other.slug)
    assert stranger("GET", own).status_code == 404
    assert stranger("GET", f"{own}/revisions").status_code == 404


# Requests for more


@pytest.fixture
def asking(organization: Organization, written: str) -> str:
    where: dict[str, Any] = {"organization_id": organization.pk, "actor": "test"}
    services.save_account(**where, name="main", kind="openai")
    services.save_model(**where, alias="dear", targets=[services.NewTarget("main", "gpt-4o")])
    services.save_policy(**where, name="default", document={"allow": {"models": ["fast"]}, "limits": [DAILY]})
    return f"organizations/{organization.slug}/requests"


def more(**changed: Any) -> dict[str, Any]:
    base = {"policy": "default", "limit": "daily", "amount": "5000", "until": TOMORROW, "reason": "a fair"}
    return {name: value for name, value in (base | changed).items() if value is not None}


def test_a_request_is_made_listed_and_approved(admin: Caller, call_as: CallAs, asking: str) -> None:
    asked = call_as("organization.read")("POST", asking, more())
    assert asked.status_code == 201
    assert (asked.json()["state"], asked.json()["amount"]) == ("open", "5000")
    here = f"{asking}/{asked.json()['id']}"
    assert admin("GET", here).json() == asked.json()
    assert [one["id"] for one in admin("GET", f"{asking}?state=open").json()["data"]] == [asked.json()["id"]]
    done = admin("POST", f"{here}/approve", {"reason": "granted"}).json()
    assert (done["state"], done["decision"], done["revision"]) == ("approved", "granted", 4)
    assert admin("GET", f"{asking}?state=open").json()["data"] == []
    assert fields(admin("POST", f"{here}/approve", {})) == ["request"]
    limit = admin("GET", asking.replace("requests", "policies/default")).json()["document"]["limits"][0]
    assert limit["temporary"]["limit"] == 5000


def test_a_request_for_a_model_is_refused_with_a_reason(admin: Caller, asking: str) -> None:
    made = admin("POST", asking, more(limit=None, amount=None, model="dear"))
    assert made.status_code == 201
    here = f"{asking}/{made.json()['id']}"
    assert fields(admin("POST", f"{here}/refuse", {})) == ["reason"]
    done = admin("POST", f"{here}/refuse", {"reason": "no money"}).json()
    assert (done["state"], done["decision"], done["decided_by"]) == (
        "refused",
        "no money",
        "management key key-0",
    )


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"amount": "10"}, ["amount"]),
        ({"amount": "many"}, ["amount"]),
        ({"amount": None}, ["amount"]),
        ({"limit": None, "amount": None}, ["limit", "amount"]),
        ({"limit": "unknown"}, ["limit"]),
        ({"model": "dear"}, ["limit", "amount"]),
        ({"policy": "unknown"}, ["policy"]),
        ({"until": "2020-01-01T00:00:00Z"}, ["until"]),
        ({"until": "tomorrow"}, ["until"]),
        ({"reason": ""}, ["reason"]),
        ({"state": "approved"}, ["state"]),
        ({"limit": None, "amount": None, "model": "unknown"}, ["model"]),
    ],
)
def test_a_bad_request_for_more_names_its_field(
    admin: Caller, asking: str, changed: dict[str, Any], field: list[str]
) -> None:
    assert fields(admin("POST", asking, more(**changed))) == field


def test_deciding_takes_the_scope_and_the_organization(
    admin: Caller, call_as: CallAs, other: Organization, asking: str
) -> None:
    here = f"{asking}/{admin('POST', asking, more()).json()['id']}"
    for verb, body in (("approve", {}), ("refuse", {"reason": "no"})):
        assert call_as("organization.read")("POST", f"{here}/{verb}", body).status_code == 403
        assert call_as(of=other)("POST", f"{here}/{verb}", body).status_code == 404
        foreign = here.replace(asking.split("/")[1], other.slug)
        assert call_as(of=other)("POST", f"{foreign}/{verb}", body).status_code == 404
    assert admin("GET", here).json()["state"] == "open"


def test_a_put_if_it_is_as_read_does_not_overwrite(admin: Caller, written: str) -> None:
    read = admin("GET", written)
    admin("PUT", written, {"document": {}})
    late = admin("PUT", written, {"document": {"limits": [DAILY]}}, If_Match=read["ETag"])
    assert late.status_code == 412
    new = written.replace("default", "new")
    assert admin("PUT", new, {"document": {}}, If_None_Match="*").status_code == 201
    assert admin("PUT", new, {"document": {}}, If_None_Match="*").status_code == 412


def test_no_policy_is_left_of_a_put_that_was_refused(
    admin: Caller, organization: Organization, path: str
) -> None:
    admin("PUT", f"{path}/default", {"document": {"limits": "many"}})
    with access.scope(organization_id=organization.pk):
        assert not Policy.objects.exists()
