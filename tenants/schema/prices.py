"""Contract prices in the declarative file. Nothing is free by mistake."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from orbit.lib.clock import rfc3339
from orbit.lib.errors import InputError
from tenants.schema import values
from tenants.schema.policy import Name, Strict

_TERMS = {"provider", "model", "account", "discount_percent", "free", "units", "starts", "until"}


def _more_than_nothing(value: object) -> object:
    return None if value is None else values.cost(value)


def _nothing_or_more(value: object) -> object:
    return None if value is None else values.cost(value, least=0)


def _percent(value: object) -> object:
    if value is None:
        return None
    try:
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise InvalidOperation
        return Decimal(value)
    except InvalidOperation:
        raise InputError("", "must be a number in quotes", 'such as "12.5"') from None


def _moment(value: object) -> object:
    return None if value is None else values.moment(value)


Amount = Annotated[str | None, BeforeValidator(_more_than_nothing)]
CacheAmount = Annotated[str | None, BeforeValidator(_nothing_or_more)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]


def price_path(provider: str, model: str, account: str, starts: datetime | None) -> str:
    where = f"@{account}" if account else ""
    since = f" from {rfc3339(starts)}" if starts else ""
    return f"{provider}/{model}{where}{since}"


class Units(Strict):
    """What is charged for beside tokens, for so many as docs/prices.md says."""

    requests: Amount = None
    web_searches: Amount = None
    file_searches: Amount = None
    code_executions: Amount = None
    search_units: Amount = None
    pages: Amount = None
    images: Amount = None
    seconds: Amount = None
    characters: Amount = None


class ContractPrice(Strict):
    """Amounts are per million tokens. Exactly one of rates, a discount on the book's, and `free`."""

    provider: Name
    model: Annotated[str, AfterValidator(values.price_pattern)]
    account: Name | None = None
    input: Amount = None
    cached_input: CacheAmount = None
    cache_write: CacheAmount = None
    cache_write_5m: CacheAmount = None
    cache_write_30m: CacheAmount = None
    cache_write_1h: CacheAmount = None
    cache_write_12h: CacheAmount = None
    input_audio: Amount = None
    input_image: Amount = None
    input_video: Amount = None
    input_tool: Amount = None
    cached_audio: CacheAmount = None
    cached_image: CacheAmount = None
    output: Amount = None
    reasoning: Amount = None
    output_audio: Amount = None
    output_image: Amount = None
    output_video: Amount = None
    units: Units | None = None
    discount_percent: Annotated[Decimal | None, BeforeValidator(_percent)] = None
    free: bool = False
    starts: Moment = Field(default=None, alias="from")
    until: Moment = None

    def path(self) -> str:
        """What tells it from the others: `openai/gpt-4o*@account from 2027-01-01T00:00:00.000000Z`."""
        return price_path(self.provider, self.model, self.account or "", self.starts)

    def amounts(self) -> dict[str, str]:
        """The rates that are named, by kind of token."""
        return self.model_dump(exclude=_TERMS, exclude_none=True)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        amounts = self.amounts()
        kinds = [bool(amounts) or self.units is not None, self.discount_percent is not None, self.free]
        if sum(kinds) != 1:
            raise InputError(
                "", "must hold either prices, discount_percent or free: true", 'such as input: "2.00"'
            )
        if kinds[0]:
            for name in ("input", "output"):
                if name not in amounts:
                    raise InputError(f".{name}", "is missing", f"add {name!r}")
        return self
