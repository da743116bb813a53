"""Re-pricing as somebody asks for it who waits for the answer: a span by its name, and no more calls than one waits for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from billing.reports import spans
from billing.repricing.posting import preview, supposed
from billing.repricing.reading import Selection
from billing.repricing.trial import Trial
from orbit.lib.errors import InputError
from quotas.models import ContractPrice
from quotas.policies import calendar_of
from tenants.models import Organization

MOST = 50_000  # calls that are gone through while somebody waits
USUAL = "last-month"
LATEST = 2**62  # the number of a contract that there is not: newer than all


def selected(
    organization: Organization, words: Mapping[str, str], *, account: str = "", model: str = ""
) -> Selection:
    """By `range`, or by `from` and `to`; last month where nothing is said. It ends now at the latest.

    In the organization's scope. InputError where no such span can be, or more than MOST calls are in it.
    """
    now = datetime.now(UTC)
    days = {name: words.get(name, "") for name in ("from", "to")}
    named = "custom" if any(days.values()) else words.get("range") or USUAL
    span = spans.chosen({"range": named, **days}, calendar_of(organization), now)
    selection = Selection(span.since, min(span.until, now), account, model)
    if selection.calls()[: MOST + 1].count() > MOST:
        raise InputError("range", f"has more than {MOST:,} calls", "`manage.py reprice` has no such bound")
    return selection


def with_contract(selection: Selection, organization: Organization, terms: Mapping[str, Any]) -> Trial:
    """What a contract of these terms (as `propose_price` takes them) would have made of the selection. Nothing is changed."""
    named = {name: terms.get(name) for name in ("rates", "discount_percent", "valid_from", "valid_until")}
    contract = ContractPrice(
        pk=LATEST,
        organization_id=organization.pk,
        provider=terms["provider"],
        model=terms["model"],
        account=terms.get("account") or "",
        **named,
    )
    return preview(selection, supposed(selection.since, contracts=[contract]))
