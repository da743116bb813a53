"""What a notice says, in words and as webhooks have it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from billing.alerts.models import Notice
from orbit.lib import money
from orbit.lib.clock import parse, rfc3339


def subject(notice: Notice) -> str:
    facts = notice.facts
    what = f"{facts['budget']} of {facts['object']}"
    if notice.threshold == "forecast":
        return f"Budget {what} will not last"
    return f"Budget {what}: {facts['percent']:g} % spent"


def sentence(notice: Notice) -> str:
    """One line that says it all."""
    facts = notice.facts
    currency = facts["currency"]
    spent, limit = (money.legible(facts[name], currency) for name in ("spent_nano", "limit_nano"))
    told = f"{subject(notice)}. {spent} of {limit}"
    if facts["ends_at"]:
        told += f" until {_local(facts)}"
    if facts["expected_nano"] is not None:
        expected, low, high = (
            money.legible(facts[name], currency) for name in ("expected_nano", "low_nano", "high_nano")
        )
        told += f"; expected at the end: {expected} (likely {low} to {high})"
    return f"{told}."


def _local(facts: Mapping[str, Any]) -> str:
    end = parse(facts["ends_at"]).astimezone(ZoneInfo(facts["time_zone"]))
    return f"{end:%Y-%m-%d %H:%M} {facts['time_zone']}"


def posted(notice: Notice, form: str, link: str) -> bytes:
    """The body of a webhook. Slack takes `text` alone, so that is all it gets."""
    if form == "slack":
        text = sentence(notice).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return json.dumps({"text": f"{text} <{link}|Budgets>"}).encode()
    body = {
        "type": "budget.alert",
        "timestamp": rfc3339(notice.created_at),
        "data": {
            "id": str(notice.pk),
            "alert": notice.alert_name,
            "threshold": notice.threshold,
            "text": sentence(notice),
            "link": link,
            **notice.facts,
        },
    }
    return json.dumps(body).encode()
