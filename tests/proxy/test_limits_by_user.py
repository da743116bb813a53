"""Limits on each end user, as their applications name them."""

import pytest

from tests.conftest import MakeTenant
from tests.proxy.conftest import ApiOf


@pytest.mark.parametrize(
    ("where", "name"), [("user", "Zoë"), ("safety_identifier", "ada"), ("x-orbit-user", "Zoë"), ("", "")]
)
def test_each_end_user_is_refused_by_an_own_count(
    api_of: ApiOf, make_tenant: MakeTenant, where: str, name: str
) -> None:
    tenant = make_tenant(
        limits=[{"name": "each", "meter": "requests", "per": "day", "limit": 1, "of": "each_end_user"}]
    )
    mine = api_of(tenant)
    headers = {"x-orbit-user": name.encode()} if where == "x-orbit-user" else {}
    body = {where: name} if where and not headers else {}
    answers = [mine.chat(with_headers=headers, **body) for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 429]
    told = answers[1].json()["error"]["orbit"]
    assert (told["limit"], told["level"], told["object"]) == ("each", "end_user", name or "(none)")
    assert mine.chat(user="somebody else").status_code == 200


def test_user_in_header_and_in_body_is_the_same_user(api_of: ApiOf, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(
        limits=[{"name": "each", "meter": "requests", "per": "day", "limit": 1, "of": "each_end_user"}]
    )
    mine = api_of(tenant)
    assert mine.chat(with_headers={"x-orbit-user": "Zoë".encode()}).status_code == 200
    assert mine.chat(user="Zoë").status_code == 429


def test_refusal_for_good_says_so_and_gives_no_time(api_of: ApiOf, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(limits=[{"name": "trial", "meter": "requests", "per": "total", "limit": 1}])
    mine = api_of(tenant)
    mine.chat()
    answer = mine.chat()
    assert (answer.status_code, answer.headers["x-should-retry"]) == (429, "false")
    assert "retry-after" not in answer.headers
    assert "retry_at" not in answer.json()["error"]["orbit"]
    assert "never starts anew" in answer.json()["error"]["message"]
