"""The prices of the package `genai-prices`, read offline, as documents of rates (`quotas.rates`).

Importing the package takes half a second and 30 MB, so only `quotas.prices.seed` and `quotas.catalogue.seed` come here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_CEILING, Decimal
from itertools import pairwise
from typing import Any

from genai_prices import __version__, data_snapshot
from genai_prices.types import ModelInfo, ModelPrice, StartDateConstraint, TieredPrices, TimeOfDateConstraint

from orbit.lib.money import NANO
from quotas.catalogue import Facts
from quotas.known import Described, facts_of_model

SOURCE = f"genai-prices {__version__}"
TOKENS = {
    "input": "input_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_5m": "cache_write_5m_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "input_audio": "input_audio_mtok",
    "input_image": "input_image_mtok",
    "input_video": "input_video_mtok",
    "input_tool": "input_tool_mtok",
    "cached_audio": "cache_audio_read_mtok",
    "cached_image": "cache_image_read_mtok",
    "output": "output_mtok",
    "reasoning": "output_reasoning_mtok",
    "output_audio": "output_audio_mtok",
    "output_image": "output_image_mtok",
    "output_video": "output_video_mtok",
}
UNITS = {
    "requests": ("requests_kcount",),
    "web_searches": ("web_searches_kcount",),
    "file_searches": ("storage_searches_kcount",),
    "code_executions": ("code_executions_kcount",),
    "search_units": ("rerank_searches_kcount",),
    "pages": ("input_document_kpages",),
    "seconds": ("input_audio_hours", "audio_hours"),
    "characters": ("input_mchars",),
}
# The package's contexts by the name that we know a service tier by.
SERVICES = {("service_tier", name): name for name in ("flex", "priority", "fast")} | {
    ("processing", "batch"): "batch",
    ("speed", "fast"): "fast",
}
DAY = timedelta(days=1)

Document = dict[str, Any]


def find(provider: str, model: str) -> tuple[ModelInfo, bool] | None:
    """The package's model, and whether it is the provider's own (others have no service tiers)."""
    snapshot = data_snapshot.get_snapshot()
    try:
        owner, found = snapshot.find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    return found, any(found is own for own in owner.models)


def facts(provider: str, model: str) -> Facts:
    """What is known of a model beside its price: the package's word, completed by our own table."""
    found = find(provider, model)
    described = found and Described(found[0].context_window, bool(found[0].deprecated), SOURCE)
    return facts_of_model(provider, model, described or None)


def timeline(provider: str, model: str, since: datetime) -> list[tuple[datetime, Document]]:
    """The rates in force at `since`, and what they change to at each later day that the package knows of."""
    found = find(provider, model)
    if found is None:
        return []
    info, own = found
    days = {_midnight(start) for start in _starts(info)}
    moments = [since, *sorted(day for day in days if day > since)]
    return [(moment, document) for moment in moments if (document := _at(info, own, moment))]


def _starts(info: ModelInfo) -> Iterator[Any]:
    conditions = [] if isinstance(info.prices, ModelPrice) else info.prices
    for one in (*conditions, *(info.price_variants or ())):
        if isinstance(one.constraint, StartDateConstraint):
            yield one.constraint.start_date


def _midnight(day: Any) -> datetime:
    return datetime.combine(day, time(), UTC)


def _at(info: ModelInfo, own: bool, moment: datetime) -> Document:
    """One document for the whole day of `moment`: the rates at midnight, and the hours at which they differ."""
    midnight = _midnight(moment.astimezone(UTC).date())
    borders = [midnight, *sorted(midnight + _into_day(one) for one in _borders(info)), midnight + DAY]
    pieces = [
        (begin, end, _all_services(info, own, begin)) for begin, end in pairwise(borders) if begin < end
    ]
    usual = pieces[0][2]
    hours = [
        {"from": f"{begin:%H:%M}", "until": f"{end:%H:%M}", **document}
        for begin, end, document in pieces
        if document != usual
    ]
    return {**usual, "hours": hours} if hours else usual


def _borders(info: ModelInfo) -> Iterator[time]:
    for one in () if isinstance(info.prices, ModelPrice) else info.prices:
        if isinstance(one.constraint, TimeOfDateConstraint):
            yield from (one.constraint.start_time, one.constraint.end_time)


def _into_day(moment: time) -> timedelta:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    utc = datetime.combine(datetime(2000, 1, 2, tzinfo=UTC), aware).astimezone(UTC)
    return timedelta(hours=utc.hour, minutes=utc.minute)


def _all_services(info: ModelInfo, own: bool, moment: datetime) -> Document:
    document = _document(info.get_prices(moment))
    if not document or not own:
        return document
    services = {name: _document(info.get_prices(moment, when)) for name, when in _services(info, moment)}
    different = {name: one for name, one in services.items() if one != document}
    return {**document, "services": different} if different else document


def _services(info: ModelInfo, moment: datetime) -> Iterator[tuple[str, dict[str, str]]]:
    """The service tiers that the package really has prices of. Of others it would give the standard's in silence."""
    for variant in info.price_variants or ():
        (context, *others) = variant.when.items()
        in_force = variant.constraint is None or variant.constraint.active(moment)
        if context in SERVICES and not others and in_force:
            yield SERVICES[context], variant.when


def _document(price: ModelPrice) -> Document:
    """Empty when the package names no price at all. Tokens for nothing are tokens without a price."""
    named = {name: value for name, key in TOKENS.items() if (value := getattr(price, key)) is not None}
    if not any(_base(value) for value in named.values()):
        named = {}
    document: Document = {name: _nano(_base(value)) for name, value in named.items()}
    tiers = [
        {"above_input_tokens": start, **{name: _nano(_above(value, start)) for name, value in named.items()}}
        for start in sorted({tier.start for value in named.values() for tier in _tiers(value)})
    ]
    units = {
        name: _nano(_base(value))
        for name, keys in UNITS.items()
        if (value := next((got for key in keys if (got := getattr(price, key)) is not None), None))
        is not None
    }
    return document | ({"tiers": tiers} if tiers else {}) | ({"units": units} if units else {})


def _base(value: Decimal | TieredPrices) -> Decimal:
    return value.base if isinstance(value, TieredPrices) else value


def _tiers(value: Decimal | TieredPrices) -> Iterable[Any]:
    return value.tiers if isinstance(value, TieredPrices) else ()


def _above(value: Decimal | TieredPrices, start: int) -> Decimal:
    """What is asked of a call with more input than `start`."""
    price = _base(value)
    for tier in _tiers(value):
        if tier.start <= start:
            price = tier.price
    return price


def _nano(amount: Decimal) -> int:
    return int((Decimal(amount) * NANO).to_integral_value(ROUND_CEILING))
