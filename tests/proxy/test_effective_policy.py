"""What the policies of organization, project and key say together."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from proxy.context import (
    Drain,
    EffectivePolicy,
    KeyRecord,
    OrganizationSnapshot,
    PolicySnapshot,
    ProjectSnapshot,
)
from proxy.snapshot import effective_policy
from quotas.limits import Calendar
from tenants.schema import policy_document
from tenants.storing import Storing

DRAIN = {"drain": {"max_s": 60, "max_cost": "0.50"}}


def effective(*documents: dict[str, Any] | None, allow: dict[str, Any] | None = None) -> EffectivePolicy:
    """Of organization, project and key, from the top; None where no policy is attached. `allow` is the key's own."""
    ids = [uuid4() if document is not None else None for document in documents]
    ids += [None] * (3 - len(ids))
    policies: dict[UUID, PolicySnapshot] = {
        policy_id: PolicySnapshot(f"p{number}", 1, document)
        for number, (policy_id, document) in enumerate(zip(ids, documents, strict=False))
        if policy_id is not None and document is not None
    }
    project = ProjectSnapshot("project-id", "chatbot", ids[1], suspended=False)
    organization = OrganizationSnapshot(
        id="organization-id",
        slug="acme",
        shard=0,
        version=1,
        suspended=False,
        currency="USD",
        calendar=Calendar(),
        policy_id=ids[0],
        policies=policies,
        projects={"project-id": project},
        models={},
    )
    key = KeyRecord(
        "key-id", "organization-id", "project-id", "web", ids[2], 1, None, revoked=False, allow=allow or {}
    )
    found = effective_policy(key, organization, project)
    assert found is not None
    return found


def said(**fields: Any) -> dict[str, Any]:
    return policy_document(fields)


def test_nothing_said_means_bound_cancelled_and_closed() -> None:
    policy = effective(said())
    assert (policy.output_reserve, policy.drain, policy.on_store_failure) == ("bound", None, "closed")


def test_nearest_policy_that_says_how_to_reserve_decides() -> None:
    learned, bound = said(output_reserve="learned"), said(output_reserve="bound")
    assert effective(learned).output_reserve == "learned"
    assert effective(learned, said(), said()).output_reserve == "learned"
    assert effective(learned, bound, said()).output_reserve == "bound"
    assert effective(bound, None, learned).output_reserve == "learned"


def test_nearest_policy_that_says_what_a_leaving_client_means_decides() -> None:
    drain, cancel = said(on_disconnect=DRAIN), said(on_disconnect="cancel")
    assert effective(drain, said()).drain == Drain(60.0, 500_000_000)
    assert effective(drain, cancel, said()).drain is None
    assert effective(cancel, None, drain).drain == Drain(60.0, 500_000_000)


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        (["local_share"], "local_share"),
        (["local_share", "local_share", "local_share"], "local_share"),
        (["local_share", "closed"], "closed"),
        (["closed", "local_share", "local_share"], "closed"),
    ],
)
def test_every_policy_must_open_a_store_that_is_away(shares: list[str], expected: str) -> None:
    assert effective(*(said(on_store_failure=one) for one in shares)).on_store_failure == expected


def test_documents_of_older_versions_are_read() -> None:
    old = said() | {"on_disconnect": "cancel", "on_store_failure": "closed"}
    del old["output_reserve"]
    policy = effective(old, said(output_reserve="learned"))
    assert (policy.output_reserve, policy.drain) == ("learned", None)


def test_what_narrows_the_key_stands_beside_its_policies() -> None:
    wide = effective(said(), said(allow={"models": ["fast"], "ip_ranges": ["10.0.0.0/8"]}))
    narrow = effective(
        said(),
        said(allow={"models": ["fast"], "ip_ranges": ["10.0.0.0/8"]}),
        allow={"models": ["gpt-*"], "endpoints": ["messages"], "ip_ranges": ["10.1.0.0/16"]},
    )
    assert wide.models == (("*",), ("fast",))
    assert narrow.models == (*wide.models, ("gpt-*",))
    assert narrow.endpoints == (*wide.endpoints, ("messages",))
    assert [str(one) for (one,) in narrow.networks] == ["10.0.0.0/8", "10.1.0.0/16"]


def test_every_limit_of_the_chain_is_on_it() -> None:
    rule = {"meter": "requests", "per": "day"}
    policy = effective(
        said(
            limits=[
                rule | {"name": "all", "limit": 100},
                rule | {"name": "keys", "limit": 9, "of": "each_key"},
                rule | {"name": "users", "limit": 3, "of": "each_end_user"},
            ]
        ),
        said(limits=[rule | {"name": "users-here", "limit": 2, "of": "each_end_user"}]),
        said(
            limits=[rule | {"name": "own", "limit": 5}, rule | {"name": "trial", "limit": 1, "shadow": True}]
        ),
    )
    assert [(one.name, one.level, one.parent) for one in policy.limits] == [
        ("all", "organization", ""),
        ("own", "key", ""),  # in place of `keys`, which it implies
        ("users", "end_user", "organization"),
        ("users-here", "end_user", "project"),
        ("trial", "key", ""),
    ]


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        ([{}], None),
        ([{"content": "full"}], Storing("full", 30)),
        ([{"content": "full"}, {}], None),  # a policy that says nothing says none
        ([{"content": "full"}, None, {"content": "redacted"}], Storing("redacted", 30)),
        ([{"content": "redacted"}, {"content": "full"}], Storing("redacted", 30)),
        (
            [{"content": "full", "content_days": 9}, {"content": "full", "content_days": 400}],
            Storing("full", 9),
        ),
        ([{"content": "none"}, {"content": "full"}], None),
    ],
)
def test_strictest_word_about_contents_holds(
    chain: list[dict[str, Any] | None], expected: Storing | None
) -> None:
    documents = [None if one is None else said(audit=one) for one in chain]
    assert effective(*documents).storing == expected


def test_one_policy_that_demands_a_record_is_enough() -> None:
    assert effective(said(), None, said(audit={"required": True})).audit_required
    assert not effective(said(), said()).audit_required


def test_revisions_from_before_contents_store_nothing() -> None:
    old = {name: value for name, value in said().items() if name != "audit"}
    assert effective(old).storing is None
