from __future__ import annotations

from tenants.models import ApiKey
from tests.tenants.api.conftest import Caller


def test_an_answer_that_one_has_is_not_sent_again(admin: Caller, slug: str) -> None:
    tag = admin("GET", f"organizations/{slug}")["ETag"]
    again = admin("GET", f"organizations/{slug}", If_None_Match=tag)
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == tag


def test_a_change_of_what_is_no_more_is_refused(admin: Caller, slug: str) -> None:
    path = f"organizations/{slug}"
    tag = admin("GET", path)["ETag"]
    changed = admin("PATCH", path, {"name": "First"}, If_Match=tag)
    assert changed.status_code == 200
    refused = admin("PATCH", path, {"name": "Second"}, If_Match=tag)
    assert refused.status_code == 412
    assert refused.json()["code"] == "precondition_failed"
    assert admin("GET", path).json()["name"] == "First"


def test_every_changing_method_minds_it(admin: Caller, key: ApiKey, slug: str) -> None:
    stale = '"0123"'
    path = f"organizations/{slug}"
    assert admin("PUT", f"{path}/projects/bot", {"name": "Other"}, If_Match=stale).status_code == 412
    assert admin("DELETE", f"{path}/projects/bot", If_Match=stale).status_code == 412
    assert admin("PATCH", f"{path}/keys/{key.pk}", {"allow": {}}, If_Match=stale).status_code == 412
    assert admin("DELETE", path, If_Match=stale).status_code == 412
    assert admin("GET", path).json()["state"] == "active"


def test_put_can_be_told_to_make_and_not_to_replace(admin: Caller, slug: str) -> None:
    path = f"organizations/{slug}/projects/new"
    assert admin("PUT", path, {"name": "New"}, If_None_Match="*").status_code == 201
    assert admin("PUT", path, {"name": "Newer"}, If_None_Match="*").status_code == 412
    assert admin("PUT", path, {"name": "Newer"}, If_Match="*").status_code == 200


def test_put_of_what_is_to_be_there_is_refused_where_nothing_is(admin: Caller, slug: str) -> None:
    answer = admin("PUT", f"organizations/{slug}/projects/none", {"name": "New"}, If_Match="*")
    assert answer.status_code == 412
