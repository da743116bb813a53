"""The pretend billing speaks as the vendors do: by their SDK's models, or field by field as they document it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from openai.types.admin.organization.usage_completions_response import UsageCompletionsResponse
from openai.types.admin.organization.usage_costs_response import UsageCostsResponse
from pydantic import BaseModel
from pytest_django import Settings

from bench.bills.planned import ADMIN_KEY, CALL_KEY
from bench.bills.trials import Trial
from billing.reconcile.connectors.anthropic import Anthropic
from billing.reconcile.connectors.base import Refused, Unreadable, money
from billing.reconcile.connectors.http import HttpApi
from billing.reconcile.connectors.openai import OpenAI, _named
from billing.reconcile.connectors.openrouter import OpenRouter
from orbit.demo.bills.process import BillsHandle
from tests.billing.conftest import MakeTrial


def api(bills: BillsHandle, secret: str = ADMIN_KEY, prefix: str = "/v1", **more: Any) -> HttpApi:
    return HttpApi(bills.url + prefix, [("authorization", f"Bearer {secret}")], sleep=lambda _: None, **more)


def unknown(value: Any, path: str = "") -> Iterable[str]:
    """Fields that the SDK's model does not declare; it would take them silently."""
    if isinstance(value, BaseModel):
        yield from (f"{path}.{name}" for name in (value.model_extra or {}))
        for name in type(value).model_fields:
            yield from unknown(getattr(value, name), f"{path}.{name}")
    if isinstance(value, list):
        for one in value:
            yield from unknown(one, path)


def span(trial: Trial) -> list[tuple[str, str]]:
    start, end = (
        int(datetime.combine(day, datetime.min.time(), UTC).timestamp()) for day in (trial.since, trial.until)
    )
    return [("start_time", str(start)), ("end_time", str(end))]


def test_openais_reports_are_as_its_sdk_has_them(make_trial: MakeTrial, bills: BillsHandle) -> None:
    trial = make_trial()
    groups = [("group_by[]", name) for name in ("model", "api_key_id", "project_id", "batch")]
    usage = api(bills).get("/organization/usage/completions", [*span(trial), *groups])
    lines = [("group_by[]", name) for name in ("line_item", "api_key_id", "project_id")]
    costs = api(bills).get("/organization/costs", [*span(trial), *lines])
    for model, answer in ((UsageCompletionsResponse, usage), (UsageCostsResponse, costs)):
        read = model.model_validate(answer)
        assert list(unknown(read)) == []
        results = [result for bucket in read.data for result in bucket.results]
        assert results
        sent = {name for bucket in answer["data"] for result in bucket["results"] for name in result}
        assert sent <= {name for result in results for name in type(result).model_fields}


# https://docs.anthropic.com/en/api/admin-api/usage-cost/get-messages-usage-report and …/get-cost-report; no SDK has these two.
USAGE = {
    "uncached_input_tokens", "cache_creation", "cache_read_input_tokens", "output_tokens", "server_tool_use", "api_key_id",
    "workspace_id", "model", "service_tier", "context_window",
}  # fmt: skip
COST = {
    "currency", "amount", "workspace_id", "description", "cost_type", "context_window", "model", "service_tier", "token_type",
}  # fmt: skip
ACTIVITY = {
    "date", "model", "model_permaslug", "endpoint_id", "provider_name", "usage", "byok_usage_inference", "requests",
    "prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens", "workspace_id",
}  # fmt: skip
# As openrouter 1.3.84 has them (`GenerationResponseData`, `ActivityItem`), which is not among our packages.
GENERATION = {
    "api_type", "app_id", "cache_discount", "cancelled", "created_at", "data_region", "external_user", "finish_reason",
    "generation_time", "http_referer", "id", "is_byok", "latency", "model", "moderation_latency", "native_finish_reason",
    "native_tokens_cached", "native_tokens_completion", "native_tokens_completion_images", "native_tokens_prompt",
    "native_tokens_reasoning", "num_fetches", "num_input_audio_prompt", "num_media_completion", "num_media_prompt",
    "num_search_results", "origin", "preset_id", "provider_name", "provider_responses", "request_id", "response_cache_source_id",
    "router", "service_tier", "session_id", "streamed", "tokens_completion", "tokens_prompt", "total_cost", "upstream_id",
    "upstream_inference_cost", "usage", "user_agent", "web_search_engine", "workspace_id",
}  # fmt: skip


def test_anthropics_reports_are_as_it_documents_them(make_trial: MakeTrial, bills: BillsHandle) -> None:
    trial = make_trial("anthropic")
    asked = [("starting_at", f"{trial.since}T00:00:00Z"), ("ending_at", f"{trial.until}T00:00:00Z")]
    for path, names, fields in (
        (
            "/organizations/usage_report/messages",
            ("model", "api_key_id", "workspace_id", "service_tier"),
            USAGE,
        ),
        ("/organizations/cost_report", ("workspace_id", "description"), COST),
    ):
        answer = api(bills).get(path, [*asked, *(("group_by[]", name) for name in names)])
        assert set(answer) == {"data", "has_more", "next_page"}
        results = [result for bucket in answer["data"] for result in bucket["results"]]
        assert results
        assert all(set(result) == fields for result in results)
        assert all(set(bucket) == {"starting_at", "ending_at", "results"} for bucket in answer["data"])


def test_openrouters_activity_is_as_it_documents_it(make_trial: MakeTrial, bills: BillsHandle) -> None:
    trial = make_trial("openrouter")
    answer = api(bills, prefix="/api/v1").get("/activity", [("date", str(trial.since))])
    assert answer["data"]
    assert all(set(row) == ACTIVITY for row in answer["data"])


def test_openrouters_records_of_calls_are_as_its_sdk_has_them(
    make_trial: MakeTrial, bills: BillsHandle
) -> None:
    trial = make_trial("openrouter", each=0)
    name = trial.told.scenario.calls[0].name
    answer = api(bills, CALL_KEY, "/api/v1").find("/generation", [("id", name)])
    assert answer is not None
    assert set(answer["data"]) == GENERATION
    assert api(bills, CALL_KEY, "/api/v1").find("/generation", [("id", "gen-unknown")]) is None


@pytest.mark.parametrize(
    ("label", "named"),
    [
        ("gpt-4o-mini-2024-07-18, cached input", ("gpt-4o-mini-2024-07-18", "cached")),
        ("gpt-5.5-2026-04-23, input", ("gpt-5.5-2026-04-23", "fresh")),
        ("priority | gpt-5.6-sol, output, long context", ("gpt-5.6-sol", "output")),
        ("gpt-5.6-sol, cache writes", ("gpt-5.6-sol", "write_short")),
        ("gpt-image-2.5-sunburst text, cached input", ("gpt-image-2.5-sunburst", "cached")),
        ("gpt-audio-mini-2025-12-15 audio, input", ("gpt-audio-mini-2025-12-15", "")),
        ("web search tool calls", ("", "")),
    ],
)
def test_lines_of_openais_costs_are_read_as_they_were_captured(label: str, named: tuple[str, str]) -> None:
    assert _named(label) == named


def test_amounts_may_come_as_text_of_any_length() -> None:
    assert str(money("0E-6176")) == "0"
    assert money("0.000004500000000000000000000000000000000") == Decimal("0.0000045")


def test_cents_are_cents(make_trial: MakeTrial, bills: BillsHandle) -> None:
    trial = make_trial("anthropic", each=0)
    found = list(Anthropic().costs(api(bills), trial.since, trial.until, []))
    whole = sum(row.amount for row in found)
    ledger = sum(event["cost_nano"] for event in trial.told.events) / 1e9
    assert abs(float(whole) - ledger) < 0.001
    assert {row.part for row in found} == {"fresh", "cached", "write_short", "write_long", "output"}


def test_every_page_is_read_one_request_at_a_time_and_refusals_are_waited_out(
    make_trial: MakeTrial, bills: BillsHandle
) -> None:
    trial = make_trial("openai", each=0)
    waited: list[float] = []
    asked = HttpApi(bills.url + "/v1", [("authorization", f"Bearer {ADMIN_KEY}")], sleep=waited.append)
    connector = OpenAI()
    days = [trial.since + timedelta(days=number) for number in range(4)]
    by_day = list(connector.usage(asked, days[0], days[-1] + timedelta(days=40), []))  # two pages
    by_minute = [
        row
        for day in days
        for row in connector.minutes(asked, day, sorted({row.model for row in by_day}), [])
    ]
    assert sum(row.requests or 0 for row in by_day) == sum(row.requests or 0 for row in by_minute) == 120
    assert sum(row.counts.total for row in by_day) == sum(row.counts.total for row in by_minute)
    assert bills.summary()["most_at_once"] == 1
    assert waited
    assert set(waited) == {0.0}  # what Retry-After said


def test_patience_ends(settings: Settings) -> None:
    settings.ORBIT_PRIVATE_TARGETS = ["127.0.0.1:9"]  # where nobody listens
    waited: list[float] = []
    closed = HttpApi("http://127.0.0.1:9/v1", [], patience_s=10, sleep=waited.append)
    with pytest.raises(Unreadable):
        closed.get("/organization/costs", [])
    assert 0 < sum(waited) <= 10
    assert len(waited) > 1


def test_another_key_is_told_apart_from_no_report(make_trial: MakeTrial, bills: BillsHandle) -> None:
    trial = make_trial()
    with pytest.raises(Refused, match="takes an admin key"):
        list(OpenAI().costs(api(bills, secret="sk-proj-other"), trial.since, trial.until, []))


def test_openrouter_is_asked_for_days_that_are_over(make_trial: MakeTrial, bills: BillsHandle) -> None:
    trial = make_trial("openrouter", each=0)
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    found = list(OpenRouter().usage(api(bills, prefix="/api/v1"), trial.since, tomorrow, []))
    assert sum(row.requests or 0 for row in found) == 120
    assert max(row.start.date() for row in found) < datetime.now(UTC).date()
