"""Re-pricing by the management API: seen first, then posted, once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.billing.test_repricing import Shop, shop
from tests.management import client_of

__all__ = ["shop"]

SPAN = {"first": "2026-11-01", "last": "2026-11-12"}


@pytest.fixture
def halved(shop: Shop) -> Shop:
    """Two calls, whose price is half since."""
    shop.call(1_000, 100)
    shop.call(2_000, 50)
    shop.feed.write()
    shop.agree(discount_percent=Decimal(50))
    return shop


def ask(
    shop: Shop, path: str, body: dict[str, Any], *, scopes: tuple[str, ...] = ("prices.write",), **more: Any
) -> Any:
    place = f"/api/v1/organizations/{shop.feed.organization.slug}/{path}"
    return client_of(shop.feed.id, list(scopes)).post(place, body, content_type="application/json", **more)


def test_what_was_previewed_is_posted_and_once(halved: Shop) -> None:
    before = halved.cost()
    seen = ask(halved, "repricing/preview", SPAN).json()
    assert (seen["calls"], seen["changed"], seen["posted"]) == (2, 2, None)
    assert halved.events("adjustment") == []
    body = SPAN | {"reason": "contract of May", "difference_nano": seen["difference_nano"]}
    done = ask(halved, "repricing", body).json()
    assert (done["posted"], done["difference_nano"]) == (2, seen["difference_nano"])
    halved.feed.write()
    assert halved.cost() - before == seen["difference_nano"] < 0
    assert {one.detail["reason"] for one in halved.events("adjustment")} == {"contract of May"}
    assert ask(halved, "repricing", SPAN | {"reason": "again"}).json()["posted"] == 0


def test_a_request_that_is_sent_again_gets_the_same_answer(halved: Shop) -> None:
    place = f"/api/v1/organizations/{halved.feed.organization.slug}/repricing"
    client, body = client_of(halved.feed.id, ["prices.write"]), SPAN | {"reason": "contract"}
    key: dict[str, Any] = {"headers": {"Idempotency-Key": "november"}}
    first, second = (client.post(place, body, content_type="application/json", **key) for _ in range(2))
    assert first.json() == second.json()
    assert first.json()["posted"] == 2
    halved.feed.write()
    assert len(halved.events("adjustment")) == 2


def test_another_difference_than_the_one_that_was_seen_is_not_posted(halved: Shop) -> None:
    seen = ask(halved, "repricing/preview", SPAN).json()["difference_nano"]
    halved.agree(discount_percent=Decimal(75))
    refused = ask(halved, "repricing", SPAN | {"reason": "contract", "difference_nano": seen})
    assert refused.status_code == 400
    assert "difference_nano" in refused.content.decode()
    halved.feed.write()
    assert halved.events("adjustment") == []


def test_it_takes_the_scope_a_reason_and_a_span_that_is_there(halved: Shop) -> None:
    body = SPAN | {"reason": "contract"}
    for path in ("repricing", "repricing/preview"):
        assert ask(halved, path, body, scopes=("usage.read",)).status_code == 403
    for wrong, named in (
        ({"reason": ""}, "reason"),
        ({"first": "soon"}, "from"),
        ({"modell": "x"}, "modell"),
    ):
        refused = ask(halved, "repricing", body | wrong)
        assert refused.status_code == 400
        assert named in refused.content.decode()
    assert ask(halved, "repricing", SPAN).status_code == 400
    other = ask(halved, "repricing/preview", SPAN | {"model": "another"}).json()
    assert other["calls"] == 0
