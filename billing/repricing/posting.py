"""Adjustments that make past calls cost what they should: further entries that name the calls, which stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from audit.models import OutboxEntry
from billing import adjusting
from billing.repricing.reading import MARK, Selection, has_settled_prices
from billing.repricing.trial import Difference, Trial, differences
from orbit.lib import access
from orbit.lib.clock import rfc3339
from orbit.lib.errors import InputError
from quotas import prices
from quotas.models import ContractPrice, Price
from quotas.prices import Target
from quotas.rates import Rates
from tenants.rights import Right
from tenants.schema import values
from tenants.services.saved import Actor, Change, changing, valid

NAMES = UUID("6a6f7262-6974-4c41-8445-000000000002")  # of adjustments, by what they make of which call
MOST = 200_000  # of one run: all are in one transaction
AT_ONCE = 2_000

PriceOf = Callable[[set[Target]], dict[Target, Rates]]


@dataclass(frozen=True, slots=True)
class Repriced:
    trial: Trial
    posted: int


def as_they_stand(since: datetime) -> PriceOf:
    """The prices that stand now, each at the time from which it holds."""
    return lambda targets: prices.in_force(targets, since)


def supposed(
    since: datetime,
    *,
    contracts: Sequence[ContractPrice] = (),
    book: dict[tuple[str, str], list[Price]] | None = None,
) -> PriceOf:
    """The same, with contracts or rows of the book that there are not."""
    return lambda targets: prices.imagined(targets, since, contracts=contracts, book=book)


def preview(selection: Selection, price_of: PriceOf) -> Trial:
    """What the selection would have cost, call by call. In the organization's scope; nothing is changed."""
    trial = Trial()
    for _ in differences(selection, price_of, trial):
        pass
    return trial


def reprice(
    *,
    organization_id: UUID,
    actor: Actor,
    selection: Selection,
    reason: str,
    seen_nano: int | None = None,
) -> Repriced:
    """Posts the difference to what the prices that stand now make of each call, as an `adjustment` that names it.

    Twice is as once: what was adjusted before counts as charged. All of it is in one transaction, with an act that says who did
    it and why. `seen_nano` is the whole difference as it was shown to whoever posts it: another one is not posted. None: it was
    shown in the same moment, or is not looked at. InputError while earlier adjustments are not in the ledger, when prices of these days were taken over from the
    provider's bill, and when there were more than MOST.
    """
    valid("reason", values.notice, reason)
    if selection.until > datetime.now(UTC):
        raise InputError(
            "until", "has not come yet", "calls under way are charged at the new prices by themselves"
        )
    with changing(organization_id, actor, Right.PRICES_WRITE) as change:
        change.keep_ceiling()
        if OutboxEntry.objects.filter(event__kind="adjustment").exists():
            raise InputError(
                "since", "has adjustments that are not in the ledger yet", "ask again in a moment"
            )
        if has_settled_prices(selection):
            raise InputError(
                "since",
                "has days whose price was approved by the provider's bill, so that it is in the ledger already",
                "leave these days or models out",
            )
        trial, posted = Trial(), 0
        entries: list[OutboxEntry] = []
        for one in differences(selection, as_they_stand(selection.since), trial):
            posted += 1
            if posted > MOST:
                raise InputError(
                    "since", f"has more than {MOST:,} calls to adjust", "take fewer days at a time"
                )
            entries.append(_entry(change, one, reason))
            if len(entries) == AT_ONCE:
                OutboxEntry.objects.bulk_create(entries)
                entries = []
        if seen_nano not in (None, trial.nano):
            raise InputError(
                "difference_nano",
                f"it is {trial.nano} by now",
                "look at it again: prices or calls have changed",
            )
        OutboxEntry.objects.bulk_create(entries)
        if posted:
            change.act("price.reprice", _what(selection), None, _told(selection, trial, posted, reason))
    return Repriced(trial, posted)


def _entry(change: Change, one: Difference, reason: str) -> OutboxEntry:
    """Its id follows from the call, the price and what was charged before: however often it is sent, the ledger has it once."""
    row, used = one.used.row, one.used
    named = f"{used.event_id}/{one.version}/{one.before_nano}/{one.after_nano}/{len(used.versions)}"
    return adjusting.entry(
        change.organization,
        event_id=uuid5(NAMES, named),
        at=used.admitted_at,
        corrects=used.event_id,
        facts={
            "cost_nano": one.nano,
            "price_version": one.version,
            **{name: row[name] for name in ("account_id", "account", "currency")},
        },
        detail={"reason": reason, MARK: True},
        original={**row, "detail": used.detail},
    )


def _what(selection: Selection) -> str:
    named = "/".join(one for one in (selection.account, selection.model) if one)
    return (named or "all models")[:200]


def _told(selection: Selection, trial: Trial, posted: int, reason: str) -> dict[str, Any]:
    return {
        "since": rfc3339(selection.since),
        "until": rfc3339(selection.until),
        "calls": posted,
        "difference_nano": trial.nano,
        "left": dict(trial.left),
        "reason": reason,
    }


def with_scope(organization_id: UUID, selection: Selection, price_of: PriceOf) -> Trial:
    """`preview` for who is in no scope."""
    with access.scope(organization_id=organization_id):
        return preview(selection, price_of)
