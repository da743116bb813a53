"""Single values of the declarative file and of forms. Each function returns what to store or raises InputError."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from zoneinfo import available_timezones

from orbit.lib import clock, money, targets
from orbit.lib.errors import InputError
from orbit.lib.exchange import NotAllowed

NOT_YET = "not supported yet"
ENDPOINTS = (
    "*",
    "chat/completions",
    "completions",
    "embeddings",
    "responses",
    "models",
    "moderations",
    "images/*",
    "images/generations",
    "images/edits",
    "images/variations",
    "audio/*",
    "audio/speech",
    "audio/transcriptions",
    "audio/translations",
    "messages",
    "messages/count_tokens",
)
SMOOTH_US = {"second": 1_000_000, "minute": 60_000_000, "hour": 3_600_000_000}
LARGEST = 2**53 - 1  # Lua's numbers are exact up to here
_FAR = datetime(2200, 1, 1, tzinfo=UTC)  # in microseconds below that, with room to add to it

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,119}")
_ALIASES = re.compile(r"[A-Za-z0-9*][A-Za-z0-9*._:/@+-]{0,119}")
_UPSTREAM_MODEL = re.compile(r"[!-~]{1,200}")
_FIELD = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*){0,7}")


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean …?`, or nothing when no known word is near."""
    candidates = sorted(known)
    close = difflib.get_close_matches(word, candidates, n=1, cutoff=0.6)
    if not close:
        folded = {candidate.lower(): candidate for candidate in candidates}
        close = [folded[match] for match in difflib.get_close_matches(word.lower(), folded, n=1, cutoff=0.6)]
    return f"did you mean {close[0]!r}?" if close else ""


def one_of(word: str, known: Iterable[str]) -> str:
    words = list(known)
    if word not in words:
        raise InputError("", f"{word!r} is not known", nearest(word, words) or f"one of: {', '.join(words)}")
    return word


def slug(text: str) -> str:
    if not _SLUG.fullmatch(text):
        raise InputError(
            "",
            "must be 1 to 63 lower-case letters, digits and inner hyphens",
            _would(_SLUG, _hyphened(text.lower())),
        )
    return text


def name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise InputError(
            "", "must be 1 to 63 letters, digits, hyphens and underscores", _would(_NAME, _hyphened(text))
        )
    return text


def owner(text: str) -> str:
    """Of a key: a member's address, or a service account's name."""
    return text.lower() if "@" in text else name(text)


def title(text: str) -> str:
    if not text.strip() or len(text) > 120 or not text.isprintable():
        raise InputError("", "must be 1 to 120 printable characters")
    return text


def cost_centre(text: str) -> str:
    if not text.strip() or len(text) > 63 or not text.isprintable():
        raise InputError("", "must be 1 to 63 printable characters")
    return text.strip()


def notice(text: str) -> str:
    if not text.strip() or len(text) > 500 or not text.isprintable():
        raise InputError("", "must be 1 to 500 printable characters on one line")
    return text


def alias(text: str) -> str:
    if not _ALIAS.fullmatch(text):
        raise InputError("", "must be a model's name: up to 120 letters, digits and any of . _ : / @ + -")
    return text


def aliases(text: str) -> str:
    """An alias, or a pattern in which each `*` stands for any text."""
    return text if "*" in text and _ALIASES.fullmatch(text) else alias(text)


def upstream_model(text: str) -> str:
    if not _UPSTREAM_MODEL.fullmatch(text):
        raise InputError("", "must be up to 200 printable ASCII characters without blanks")
    return text


def price_pattern(text: str) -> str:
    """A provider's name of a model, or the beginning of such names with a `*` at its end."""
    upstream_model(text)
    if "*" in text[:-1]:
        raise InputError("", "may have a * at its end only", "such as gpt-4o*")
    return text


def field_path(text: str) -> str:
    """A field of a request's body, without the places of lists on the way to it."""
    if len(text) > 120 or not _FIELD.fullmatch(text):
        better = ".".join(part for part in re.findall(r"[a-z0-9_]+", text.lower()) if not part.isdecimal())
        fits = len(better) <= 120 and _FIELD.fullmatch(better)
        raise InputError(
            "",
            "must be a field's name, or names with dots between",
            f"such as {better if fits else 'messages.content.cache_control'!r}",
        )
    return text


@cache
def _zones() -> frozenset[str]:
    """Read from hundreds of files; a newer list comes with the next start."""
    return frozenset(available_timezones())


def time_zone(text: str) -> str:
    zones = _zones()
    if text not in zones:
        raise InputError(
            "", f"{text!r} is no time zone", nearest(text, zones) or "such as Europe/Berlin or UTC"
        )
    return text


def currency(text: str) -> str:
    if text != "USD":
        raise InputError("", NOT_YET, "use USD")
    return text


def endpoint(text: str) -> str:
    if text not in ENDPOINTS and text.lstrip("/").removeprefix("v1/") in ENDPOINTS:
        raise InputError("", f"{text!r} is not known", f"write {text.lstrip('/').removeprefix('v1/')!r}")
    return one_of(text, ENDPOINTS)


def ip_range(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        pass
    try:
        inside = str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise InputError(
            "", f"{text!r} is no range of addresses", "such as 192.0.2.0/24 or 2001:db8::/32"
        ) from None
    raise InputError("", f"{text!r} has bits set behind its prefix", f"did you mean {inside!r}?")


def cost(value: object, *, least: int = 1) -> str:
    """An amount of money as a plain decimal; `least` in nano-units."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        example = f'"{value:.2f}"' if isinstance(value, float) else '"12.50"'
        raise InputError("", "must be an amount in quotes", f"write {example}")
    try:
        nano = money.nano(value)
    except ValueError as error:
        raise InputError("", str(error)) from None
    if nano < least:
        raise InputError("", "must be more than 0" if least else "must not be negative")
    return money.amount(nano)


def moment(value: object) -> datetime:
    """UTC unless it says otherwise; a plain date means its midnight."""
    try:
        # YAML makes dates and times of what looks like them.
        at = (
            value
            if isinstance(value, datetime)
            else clock.parse(value.isoformat() if isinstance(value, date) else str(value))
        )
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InputError("", f"{value!r} is no time", "such as 2027-01-31T00:00:00Z") from None


def zoned(value: object) -> datetime:
    """A moment that says its zone itself, and that counters can hold."""
    at = moment(value)
    given = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if given.tzinfo is None:
        raise InputError("", "must be a time with its zone", f"such as {at:%Y-%m-%dT%H:%M:%SZ}")
    if at >= _FAR:
        raise InputError("", "is too far away", f"before {_FAR:%Y}")
    return at


def base_url(text: str, private_targets: Iterable[str]) -> str:
    """`text` without a trailing slash when a provider may be there. `private_targets` are `host:port`.

    What a name stands for is vetted when it is called, by `orbit.lib.egress`; all else is refused there as here.
    """
    if "?" in text:
        raise InputError("", "must not hold a query", f"write {text.partition('?')[0]}")
    try:
        origin, path = targets.split(text)
        where = targets.parse_origin(origin, targets.listed(private_targets)).origin
    except NotAllowed as error:
        raise InputError("", error.message, error.remedy) from None
    return f"{where}{path}".rstrip("/")


def _hyphened(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:63]


def _would(rule: re.Pattern[str], candidate: str) -> str:
    better = candidate if rule.fullmatch(candidate) else candidate.replace("_", "-")
    return f"such as {better!r}" if rule.fullmatch(better) else ""
