"""`manage.py limits explain`: what a request would meet, in words and as JSON."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import redis
from django.core.management import CommandError, call_command

from orbit.lib.store import client
from quotas import keys
from quotas.counters import Counter
from quotas.policies import limits_of
from tests.conftest import MakeTenant, Tenant


def explained(tenant: Tenant, *options: str, model: str = "gpt-4o-mini") -> Any:
    out = io.StringIO()
    arguments = ["--key", f"{tenant.slug}/app/main", "--model", model, *options]
    call_command("limits", "explain", *arguments, stdout=out)
    return json.loads(out.getvalue()) if "--json" in options else out.getvalue()


def put(tenant: Tenant, rule: dict[str, Any], counter: Counter, user: str | None = None) -> None:
    """Sets the counter of a limit of the organization; one in total, or one without a window."""
    [limit] = limits_of(
        {"limits": [rule]}, level="organization", object_id=str(tenant.id), object_name=tenant.slug
    )
    start = 0 if rule.get("per") == "total" else None
    client().set(keys.counter(tenant.shard, limit.for_user(user).counter, start), counter.pack(), ex=600)


TOKENS: dict[str, Any] = {"name": "tokens", "meter": "tokens", "per": "total", "limit": 1000}
INFLIGHT: dict[str, Any] = {"name": "inflight", "meter": "concurrency", "limit": 2}


def test_admission_tells_what_would_be_reserved(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(limits=[TOKENS], caps={"max_output_tokens": 200})
    put(tenant, TOKENS, Counter(used=100))
    report = explained(tenant, "--input-tokens", "50", "--max-output-tokens", "9000", "--json")
    assert (report["decision"], report["code"], report["refused_by"]) == ("admit", None, None)
    assert (report["reserved"]["input_tokens"], report["reserved"]["output_tokens"]) == (50, 200)
    assert "It would be admitted and reserve 50 input and 200 output tokens" in report["message"]
    assert report["key"] == f"{tenant.slug}/app/main"
    assert report["model"] == "gpt-4o-mini"


def test_refusal_names_the_limit_and_says_what_holds_it(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(limits=[TOKENS, INFLIGHT])
    put(tenant, TOKENS, Counter(used=700, held=250, calls=3))
    put(tenant, INFLIGHT, Counter())
    report = explained(tenant, "--input-tokens", "50", "--max-output-tokens", "50", "--json")
    assert (report["decision"], report["code"], report["refused_by"]) == (
        "refuse",
        "insufficient_quota",
        "tokens",
    )
    assert report["message"] == (
        f"The limit 'tokens' (tokens in total) of organization '{tenant.slug}' would refuse: the request needs "
        "100 tokens, 50 tokens are free (of 1000 tokens: 700 tokens spent, 250 tokens held by 3 running calls). "
        "There is room again when running calls give back what they do not use."
    )
    assert report["retry_at"] is None
    words = explained(tenant, "--input-tokens", "50", "--max-output-tokens", "50")
    assert "would be refused: insufficient_quota" in words
    assert report["message"] in words


def test_concurrency_waits_for_a_call_to_end(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(limits=[INFLIGHT])
    put(tenant, INFLIGHT, Counter(held=2, calls=2))
    report = explained(tenant, "--json")
    assert (report["code"], report["refused_by"], report["retry_at"]) == ("rate_limited", "inflight", None)
    assert report["message"].endswith("There is room again when a running call ends.")


def test_request_larger_than_the_limit_is_told_that_waiting_does_not_help(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(limits=[TOKENS])
    put(tenant, TOKENS, Counter())
    report = explained(tenant, "--max-output-tokens", "1001", "--json")
    assert (report["code"], report["refused_by"]) == ("request_exceeds_limit", "tokens")
    assert "more than the whole of it, 1000 tokens. Waiting does not help." in report["message"]


def test_shadow_limit_is_reported_and_does_not_refuse(make_tenant: MakeTenant) -> None:
    trial = TOKENS | {"name": "trial", "limit": 10, "shadow": True}
    tenant = make_tenant(limits=[TOKENS, trial])
    put(tenant, TOKENS, Counter())
    put(tenant, trial, Counter())
    report = explained(tenant, "--max-output-tokens", "20", "--json")
    assert report["decision"] == "admit"
    [said] = report["reports"]
    assert "'trial'" in said
    assert "would have refused, if it were no shadow" in said
    assert [one["shadow"] for one in report["limits"]] == [False, True]
    assert said in explained(tenant, "--max-output-tokens", "20")


@pytest.mark.parametrize(
    ("until", "decision", "shown", "words"),
    [
        ("2131-01-01T00:00:00Z", "admit", 2000, "is raised to 2000 until 2131-01-01 00:00 UTC"),
        ("2020-01-01T00:00:00Z", "refuse", 1000, "The increase of the limit 'tokens' ended at 2020-01-01"),
    ],
)
def test_increase_counts_while_it_holds(
    make_tenant: MakeTenant, until: str, decision: str, shown: int, words: str
) -> None:
    rule = TOKENS | {"temporary": {"limit": 2000, "until": until}}
    tenant = make_tenant(limits=[rule])
    put(tenant, rule, Counter(used=950))
    report = explained(tenant, "--max-output-tokens", "100", "--json")
    assert (report["decision"], report["limits"][0]["limit"]) == (decision, shown)
    assert (report["limits"][0]["temporary"] is not None) == (decision == "admit")
    assert words in explained(tenant, "--max-output-tokens", "100")


def test_limit_on_each_end_user_is_explained_for_one(make_tenant: MakeTenant) -> None:
    rule = TOKENS | {"of": "each_end_user"}
    tenant = make_tenant(limits=[rule])
    put(tenant, rule, Counter(used=950), "ada")
    put(tenant, rule, Counter(used=10), None)
    ada = explained(tenant, "--max-output-tokens", "100", "--end-user", "ada", "--json")
    assert (ada["decision"], ada["end_user"], ada["limits"][0]["object"]) == ("refuse", "ada", "ada")
    unnamed = explained(tenant, "--max-output-tokens", "100", "--json")
    assert (unnamed["decision"], unnamed["end_user"], unnamed["limits"][0]["object"]) == (
        "admit",
        None,
        "(none)",
    )


def test_what_is_checked_before_limits_is_explained_too(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(
        limits=[TOKENS],
        caps={"max_input_tokens": 50},
        allow={"models": ["gpt-4o-mini"], "endpoints": ["chat/completions"], "ip_ranges": ["192.0.2.0/24"]},
    )
    put(tenant, TOKENS, Counter())
    few = ("--max-output-tokens", "5", "--json")
    assert explained(tenant, *few)["code"] is None
    assert explained(tenant, "--input-tokens", "51", *few)["code"] == "context_length_exceeded"
    assert explained(tenant, *few, model="gpt-4o")["code"] == "model_not_found"
    assert explained(tenant, "--endpoint", "embeddings", *few)["code"] == "endpoint_not_allowed"


def test_embeddings_reserve_no_output(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(limits=[TOKENS])
    put(tenant, TOKENS, Counter())
    options = ("--endpoint", "embeddings", "--input-tokens", "9", "--json")
    reserved = explained(tenant, *options, model="text-embedding-3-small")["reserved"]
    assert (reserved["input_tokens"], reserved["output_tokens"]) == (9, 0)


def test_key_without_limits_says_so(make_tenant: MakeTenant) -> None:
    assert explained(make_tenant()).endswith("No limit applies.\n")


def test_store_that_is_away_is_told(make_tenant: MakeTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise redis.ConnectionError

    tenant = make_tenant(limits=[TOKENS])
    monkeypatch.setattr("quotas.status.client", away)
    with pytest.raises(CommandError, match="Redis is not reachable") as refused:
        explained(tenant)
    assert refused.value.returncode == 3
