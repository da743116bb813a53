"""Changes of prices: an organization's contracts, and the book by hand. Each tells whom it concerns.

A change is seen by every organization that it may concern with its next call, because it raises their versions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models.functions import Now

from orbit.lib import access, money
from orbit.lib.errors import InputError
from quotas import catalogue, prices
from quotas.models import ContractPrice, Price
from quotas.rates import PARTS, UNITS, WHOLES
from tenants.models import ModelTarget, ProviderAccount
from tenants.rights import Right
from tenants.schema import values
from tenants.schema.prices import price_path
from tenants.services.saved import Actor, Saved, changing

CACHED = {"cached_input", "cache_write"}  # what providers may ask nothing for
DEAREST = 10_000 * money.NANO  # far beyond any real price; a call's cost stays where counters are exact
LARGEST_DISCOUNT = Decimal(100)
LONGEST_SOURCE = 120
SMALLEST_DISCOUNT = Decimal(-900)  # a surcharge: an uplift for a region, say


def rates_document(
    amounts: Mapping[str, object], units: Mapping[str, object] | None = None, *, free: bool = False
) -> dict[str, Any]:
    """A document of rates from amounts of money, per million tokens and per so many units as UNITS says.

    Nothing is free by mistake: `input` and `output` must be there and more than 0 unless `free` says so, and
    then nothing else may be said.
    """
    if free:
        if amounts or units:
            raise InputError("free", "a free model has no rates", "leave one of the two out")
        return {"input": 0, "output": 0, "free": True}
    for name in amounts:
        if name not in WHOLES and name not in PARTS:
            raise InputError(name, "is no kind of token", values.nearest(name, [*WHOLES, *PARTS]))
    for name in ("input", "output"):
        if name not in amounts:
            raise InputError(name, "is missing", f"the price of a million {name} tokens")
    made: dict[str, Any] = {
        name: _nano(name, amount, least=0 if PARTS.get(name, name) in CACHED else 1)
        for name, amount in amounts.items()
    }
    for name in units or {}:
        if name not in UNITS:
            raise InputError(f"units.{name}", "is not known", values.nearest(name, UNITS))
    if units:
        made["units"] = {name: _nano(f"units.{name}", amount, least=1) for name, amount in units.items()}
    return made


def _nano(path: str, amount: object, *, least: int) -> int:
    try:
        nano = money.nano(values.cost(amount, least=least))
    except InputError as error:
        raise InputError(path, error.message, error.suggestion) from None
    if nano > DEAREST:
        raise InputError(
            path, f"must be at most {money.amount(DEAREST)}", "is the decimal point where it should be?"
        )
    return nano


def set_contract_price(
    *,
    organization_id: UUID,
    provider: str,
    model: str,
    account: str = "",
    rates: Mapping[str, Any] | None = None,
    discount_percent: Decimal | None = None,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
    source: str = "",
    actor: Actor,
    is_approved: bool = False,
) -> Saved[ContractPrice]:
    """What the organization pays from now on, or from `valid_from` on. Takes the place of the terms of the same
    provider, model, account and beginning. `rates` is a document as `rates_document` makes it.

    PermissionDenied where members' prices take two people, and a change was not approved.
    """
    with changing(organization_id, actor, Right.PRICES_WRITE) as change:
        change.keep_ceiling()
        check_contract(
            provider=provider,
            account=account,
            rates=rates,
            discount_percent=discount_percent,
            valid_from=valid_from,
            valid_until=valid_until,
        )
        named = {"provider": provider, "model": model, "account": account, "valid_from": valid_from}
        terms = {"rates": rates, "discount_percent": discount_percent, "valid_until": valid_until}
        before = ContractPrice.objects.live().filter(**named).first()
        fields = tuple(
            name for name, value in terms.items() if before is None or getattr(before, name) != value
        )
        if before is not None and not fields:
            return Saved(before, created=False)
        _require_two(actor, is_approved=is_approved)
        if before is not None:
            _withdraw(before)
        row = ContractPrice.objects.create(
            organization_id=organization_id, source=source[:120], author=change.actor[:254], **named, **terms
        )
        change.act(
            "price.update" if before else "price.create",
            path_of(row),
            _told(before, fields) if before else None,
            _told(row, fields) | {"version": row.version},
        )
        change.raise_version()
    return Saved(row, created=before is None, fields=fields)


def withdraw_contract_price(*, organization_id: UUID, price_id: int, actor: Actor) -> None:
    """The book's price, or the next contract that covers the model, holds again."""
    _require_two(actor)
    with changing(organization_id, actor, Right.PRICES_WRITE) as change:
        change.keep_ceiling()
        row = ContractPrice.objects.live().filter(pk=price_id).first()
        if row is None:
            raise InputError("price", f"there is no contract price {price_id}")
        _withdraw(row)
        change.act("price.delete", path_of(row), _told(row, ("rates", "discount_percent", "valid_until")))
        change.raise_version()


def check_contract(
    *,
    provider: str,
    account: str,
    rates: Mapping[str, Any] | None,
    discount_percent: Decimal | None,
    valid_from: datetime | None,
    valid_until: datetime | None,
) -> None:
    """InputError where no such contract can be agreed on. In the organization's scope."""
    _check_terms(rates, discount_percent, valid_from, valid_until)
    _check_reach(provider, account)


def _require_two(actor: Actor, *, is_approved: bool = False) -> None:
    if settings.ORBIT_PRICE_APPROVAL and not is_approved and not isinstance(actor, str):
        raise PermissionDenied(
            "a contract price takes two people here: propose it, and have somebody else approve it"
        )


def path_of(row: ContractPrice) -> str:
    """How acts and plans name it."""
    return price_path(row.provider, row.model, row.account, row.valid_from)


def _withdraw(row: ContractPrice) -> None:
    ContractPrice.objects.filter(pk=row.pk).update(withdrawn_at=Now())


def _told(row: ContractPrice, fields: Iterable[str]) -> dict[str, Any]:
    told = {name: getattr(row, name) for name in fields}
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in told.items()}


def _check_terms(
    rates: Mapping[str, Any] | None,
    discount: Decimal | None,
    valid_from: datetime | None,
    valid_until: datetime | None,
) -> None:
    if (rates is None) == (discount is None):
        raise InputError("", "must hold either rates or discount_percent")
    if discount is not None and not (
        discount.is_finite() and SMALLEST_DISCOUNT <= discount < LARGEST_DISCOUNT
    ):
        raise InputError(
            "discount_percent",
            f"must be at least {SMALLEST_DISCOUNT} and below {LARGEST_DISCOUNT}",
            "a model that costs nothing is free: true",
        )
    if discount is not None and discount != round(discount, 4):
        raise InputError("discount_percent", "has more than four decimal places")
    if valid_from is not None and valid_until is not None and valid_until <= valid_from:
        raise InputError("until", "must be after from")


def _check_reach(provider: str, account: str) -> None:
    """A contract that no call can ever fall under is a slip of the pen."""
    priced_as = dict(ProviderAccount.objects.values_list("name", "prices_as"))
    if account and account not in priced_as:
        raise InputError(
            "account", f"there is no provider account {account!r}", values.nearest(account, priced_as)
        )
    reached = {priced_as[account]} if account else set(priced_as.values())
    if provider not in reached:
        whose = f"account {account!r} is" if account else "no account is"
        raise InputError(
            "provider",
            f"{whose}{' not' if account else ''} priced as {provider!r}",
            values.nearest(provider, reached) or f"one of: {', '.join(sorted(reached))}",
        )


def add_price(
    *,
    provider: str,
    model: str,
    rates: Mapping[str, Any],
    valid_from: datetime | None = None,
    source: str,
    actor: str,
) -> Price:
    """A price of the book by an operator's hand, from now or a later time on, for every organization.

    InputError where it cannot be, or is there already.
    """
    now = datetime.now(UTC)
    if valid_from is not None and valid_from < now:
        raise InputError("from", "must not be in the past", "what is charged already stays as it is")
    if source.startswith(prices.PACKAGE):
        raise InputError("source", f"must not begin with {prices.PACKAGE}", "name where the price is from")
    if not 0 < len(source) <= LONGEST_SOURCE:
        raise InputError("source", f"must have 1 to {LONGEST_SOURCE} characters")
    named = {"provider": provider, "model": model, "valid_from": valid_from or now, "source": source}
    with transaction.atomic(using="default"):
        if Price.objects.filter(**named).exists():
            raise InputError("from", "has a price of the same source", "name another source or time")
        row = Price.objects.create(rates=dict(rates), **named)
        tell({(provider, model)}, actor, {"version": row.version, "rates": row.rates})
    return row


def reseed(pairs: set[tuple[str, str]], *, actor: str) -> set[tuple[str, str]]:
    """The package's prices as they are now, and told to whom they concern."""
    with transaction.atomic(using="default"):
        changed = prices.seed(pairs)
        tell(changed, actor, {"source": prices.PACKAGE})
    return changed


def look_up(pairs: set[tuple[str, str]], *, actor: str) -> set[tuple[str, str]]:
    """What is installed knows of these models, and told to whom it concerns."""
    with transaction.atomic(using="default"):
        changed = catalogue.seed(pairs)
        tell(changed, actor, {"source": prices.PACKAGE}, "model.facts")
    return changed


def tell(pairs: set[tuple[str, str]], actor: str, after: Mapping[str, Any], act: str = "price.book") -> None:
    """An act and a new version for each organization that routes one of these (provider, model) pairs."""
    with access.operator():
        routed = set(
            ModelTarget.objects.filter(model__in={model for _, model in pairs}).values_list(
                "organization__slug", "organization_id", "account__prices_as", "model"
            )
        )
    concerned: dict[tuple[str, UUID], list[str]] = {}
    for slug, organization_id, provider, model in sorted(routed):
        if (provider, model) in pairs:
            concerned.setdefault((slug, organization_id), []).append(f"{provider}/{model}")
    for (_, organization_id), models in concerned.items():
        with changing(organization_id, actor) as change:
            change.act(act, ", ".join(models)[:200], None, after)
            change.raise_version()


def routed() -> set[tuple[str, str]]:
    """Every (provider, model) that some organization routes to."""
    with access.operator():
        return set(ModelTarget.objects.values_list("account__prices_as", "model"))
