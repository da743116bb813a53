"""An address that nothing is at is answered like everything else here, whoever asks."""

from __future__ import annotations

import pytest

from tests.tenants.api.conftest import Caller, caller


@pytest.mark.parametrize(
    "path", ["no-such", "organizations/acme/no-such", "me/", "organizations/%C3%A4/keys", ""]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_no_endpoint_is_a_problem_like_others(admin: Caller, path: str, method: str) -> None:
    for asked in (admin, caller()):
        answer = asked(method, path)
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "not_found"
        assert answer.headers["X-Request-Id"] == answer.json()["request_id"]


def test_it_reads_as_what_is_not_there_does(admin: Caller) -> None:
    told = [
        admin("GET", path).json() for path in ("organizations/no-such/keys", "organizations/no-such/no-such")
    ]
    for one in told:
        del one["request_id"]
    assert told[0] == told[1]
