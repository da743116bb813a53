"""A policy as people say it: what is allowed, how much, and what happens when something is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from console.policies.personal_data import personal_data_words
from console.starting_policies import TYPICAL_INPUT, TYPICAL_OUTPUT, rounded
from console.templatetags.figures import money as shown_money
from orbit.lib import money
from orbit.lib.clock import parse
from quotas.rates import Rates

_METERS = {
    "requests": "calls",
    "tokens": "tokens, input and output together,",
    "input_tokens": "tokens of input",
    "output_tokens": "tokens of output",
}
_DAYS = {"day": 1, "week": 7, "month": 30, "quarter": 91, "year": 365}
_SMOOTH = ("second", "minute", "hour")


@dataclass(frozen=True, slots=True)
class Typical:
    """The model by which a budget is made graspable, and its price."""

    model: str
    rates: Rates


@dataclass(frozen=True, slots=True)
class Part:
    title: str
    sentences: tuple[str, ...]


def in_words(document: Mapping[str, Any], currency: str, typical: Typical | None = None) -> list[Part]:
    """Of a document as revisions store it."""
    limits = [" ".join(_limit(one, currency, typical)) for one in document["limits"]]
    if not limits:
        limits = ["No limit of its own: only those of other policies on a key’s way hold."]
    personal = tuple(personal_data_words(document["dlp"])) if document.get("dlp") else ()
    return [
        Part("How much", tuple(limits)),
        Part("What may be called", tuple(_allowed(document))),
        *([Part("Personal data and secrets", personal)] if personal else []),
        Part("When something is missing", tuple(_otherwise(document, currency))),
        Part("What is kept", ("Figures of each call, never what was asked or answered.",)),
    ]


def _limit(limit: Mapping[str, Any], currency: str, typical: Typical | None) -> Iterator[str]:
    meter, per, amount = limit["meter"], limit["per"], limit["limit"]
    if meter == "cost":
        yield f"Spends at most {_money(amount, currency)}{_window(per)}."
        yield from _graspable(amount, per, currency, typical)
    elif meter == "concurrency":
        yield f"At most {_count(amount, 'call')} at the same time."
    else:
        burst = limit.get("burst")
        pace = f", {burst:,} at once after a pause" if per in _SMOOTH and burst not in (None, amount) else ""
        word = "call" if (meter, amount) == ("requests", 1) else _METERS[meter]
        yield f"At most {amount:,} {word}{_window(per)}{pace}."
    if limit.get("models"):
        yield f"Counts only calls of {_list(limit['models'])}."
    whose = {"each_key": "Each key by itself.", "each_end_user": "Each end user by themselves."}
    if limit.get("of") in whose:
        yield whose[limit["of"]]
    if limit.get("shadow"):
        yield "Only reports, and refuses nobody."
    yield from _raised(limit, currency)


def _graspable(amount: str, per: str, currency: str, typical: Typical | None) -> Iterator[str]:
    if per in _DAYS and per != "day":
        yield f"Spent evenly, that is about {shown_money(money.nano(amount) // _DAYS[per], currency)} a day."
    if typical is not None:
        each = typical.rates.cost_nano(TYPICAL_INPUT, TYPICAL_OUTPUT)
        if each:
            answers = rounded(money.nano(amount) // each)
            yield f"Pays for about {answers:,} typical answers of {typical.model}."


def _raised(limit: Mapping[str, Any], currency: str) -> Iterator[str]:
    increase = limit.get("temporary")
    if not increase or parse(increase["until"]) <= datetime.now(UTC):
        return
    most = increase["limit"]
    shown = _money(most, currency) if limit["meter"] == "cost" else f"{most:,}"
    yield f"Raised to {shown} until {parse(increase['until']):%-d %B %Y %H:%M} UTC."


def _allowed(document: Mapping[str, Any]) -> Iterator[str]:
    allow, caps = document["allow"], document["caps"]
    yield "Every model." if "*" in allow["models"] else _only("model", allow["models"])
    if "*" not in allow["endpoints"]:
        yield _only("endpoint", allow["endpoints"])
    if allow["ip_ranges"]:
        yield f"Only from {_list(allow['ip_ranges'])}."
    if caps["max_input_tokens"]:
        yield f"Calls with more than {caps['max_input_tokens']:,} tokens of input are refused."
    if caps["max_output_tokens"]:
        yield f"No answer is longer than {caps['max_output_tokens']:,} tokens."
    if caps["max_body_bytes"]:
        yield f"Requests larger than {caps['max_body_bytes']:,} bytes are refused."


def _only(what: str, names: list[str]) -> str:
    if not names:
        return f"No {what} at all: every call is refused."
    return f"Only the {what}{'' if len(names) == 1 else 's'} {_list(names)}."


def _otherwise(document: Mapping[str, Any], currency: str) -> Iterator[str]:
    price = document["unpriced_models"]
    if isinstance(price, Mapping):
        each = f"{_money(price['input'], currency)} a million tokens of input, {_money(price['output'], currency)} of output"
        yield f"Models without a known price count as {each}."
    elif any(limit["meter"] == "cost" for limit in document["limits"]):
        yield "Calls of models without a known price are refused: nobody could say what they cost."
    if document["on_store_failure"] == "closed":
        yield "While nothing can be counted, calls are refused rather than let through uncounted."
    else:
        yield "While nothing can be counted, each worker goes on with its share; budgets stay closed."
    drain = document.get("on_disconnect")
    if isinstance(drain, Mapping):
        most = drain["drain"]
        yield (
            f"An answer whose client has left is read on for at most {most['max_s']} seconds "
            f"and {_money(most['max_cost'], currency)}."
        )
    else:
        yield "An answer whose client has left is stopped; what was written so far is charged."
    yield from _translated(document["untranslatable"])
    if document.get("output_reserve") == "learned":
        yield "Calls reserve what such calls used to write, and more as they grow."


def _translated(rule: Any) -> Iterator[str]:
    if rule == "drop":
        yield "What a provider’s format has no word for is left out."
    elif isinstance(rule, Mapping):
        yield f"Where a provider’s format has no word for {_list(rule['drop'])}, that is left out; other such calls are refused."
    else:
        yield "Calls that a provider’s format has no word for are refused."


def _window(per: str | None) -> str:
    if per == "total":
        return " in all its time"
    return f" in a calendar {per}" if per in _DAYS else f" a {per}" if per else ""


def _count(amount: int, one: str) -> str:
    return f"{amount:,} {one}{'' if amount == 1 else 's'}"


def _money(amount: str, currency: str) -> str:
    return shown_money(money.nano(amount), currency)


def _list(names: list[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
