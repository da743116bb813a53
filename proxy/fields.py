"""Reading the fields of a request's body: what is wrong is said by the field's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orbit.lib.errors import Code, OrbitError

MOST_CHOICES = 128
MOST_OUTPUT = 10_000_000  # tokens of one answer: over what any model writes


@dataclass(frozen=True, slots=True)
class Asked:
    """`output` is the most tokens of one choice that the client wants, None where it does not say."""

    stream: bool = False
    choices: int = 1
    output: int | None = None


def bad(param: str, what: str) -> OrbitError:
    return OrbitError(Code.INVALID_REQUEST, f"{param!r} {what}.", param=param)


def flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise bad(name, "must be true or false")
    return value is True


def integer(body: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise bad(name, f"must be a whole number from {low} to {high}")
    return value


def stream_of(body: Mapping[str, Any]) -> bool:
    """Whether a stream is asked for, with options that make sense."""
    options = body.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise bad("stream_options", "must be an object")
    if options and not isinstance(options.get("include_usage"), bool | None):
        raise bad("stream_options.include_usage", "must be true or false")
    stream = flag(body, "stream")
    if options is not None and not stream:
        raise bad("stream_options", "is only allowed when stream is true")
    return stream
