"""What every kind of inspector offers, what it is told of a call, and how it can fail."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import orjson

from dlp.findings import Finding
from orbit.lib.errors import InputError

TYPE = re.compile(r"[A-Z][A-Z0-9_]{1,39}")
_NO_TYPE = re.compile(r"[^A-Z0-9]+")
MOST_FINDINGS = 1_000  # of one text


class BadAnswer(Exception):
    """It is none of this kind, or is about a place that the text has not got."""


@dataclass(frozen=True, slots=True)
class Found:
    """`whole`: it is about the text as a whole, which can be told of or refused, not replaced. `block`: the inspector
    says itself that this must not go on."""

    finding: Finding
    whole: bool = False
    block: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """Texts of one call. `places` say where each stands. Nothing of it is kept."""

    texts: Sequence[str] = field(repr=False)
    places: Sequence[str]
    request_id: str
    organization: str
    policy: str  # name@revision, of each over the key
    direction: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A request in HTTP."""

    url: str
    headers: Sequence[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)


class Kind(ABC):
    """`whole`: it judges texts as a whole. `scope`: the secret is a Google service account's key, and this is what its
    tokens are for."""

    name: ClassVar[str]
    label: ClassVar[str]
    base_url: ClassVar[str | None] = None  # where it answers by itself
    path: ClassVar[str] = ""  # of what is asked, behind the address
    whole: ClassVar[bool] = False
    needs_credential: ClassVar[bool] = True
    scope: ClassVar[str] = ""
    most_texts: ClassVar[int] = 100  # in one request
    most_bytes: ClassVar[int] = 400_000  # of texts in one request
    types: ClassVar[tuple[str, ...]] = ()  # that it can find, where they are few

    @abstractmethod
    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What may be said of it, completed. InputError names the field."""

    def checked_secret(self, value: str) -> str:
        """As it is sealed. InputError, which does not repeat it, where it cannot be one."""
        return value

    @abstractmethod
    def asked(
        self, base_url: str, options: Mapping[str, Any], secret: str, question: Question, now: int
    ) -> Asked:
        """`secret` is the credential, empty where there is none; of one with a `scope`, a token. `now` in seconds."""

    @abstractmethod
    def findings(self, answer: Any, texts: Sequence[str], rule: str) -> list[list[Found]]:
        """For each text, of the answer's JSON. BadAnswer."""


def known_options(given: Mapping[str, Any], *names: str) -> None:
    for name in given:
        if name not in names:
            raise InputError(
                str(name)[:80],
                "is not known here",
                f"there is: {', '.join(names)}" if names else "leave it out",
            )


def text_option(
    given: Mapping[str, Any], name: str, form: re.Pattern[str], example: str, usual: str = ""
) -> str:
    value = given.get(name, usual)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise InputError(name, "is missing or malformed", f"such as {example}")
    return value


def words_option(
    given: Mapping[str, Any], name: str, form: re.Pattern[str], example: str, most: int = 150
) -> list[str]:
    value = given.get(name, [])
    if not isinstance(value, list) or len(value) > most:
        raise InputError(name, f"must be a list of at most {most}", f"such as [{example}]")
    if not all(isinstance(one, str) and form.fullmatch(one) for one in value):
        raise InputError(name, "holds what is no name of a type", f"such as [{example}]")
    return value


def type_of(value: Any) -> str:
    """A vendor's name of a type, as rules spell it: `self-harm/intent` is SELF_HARM_INTENT."""
    if not isinstance(value, str) or len(value) > 200:
        raise BadAnswer("a type is no text")
    made = _NO_TYPE.sub("_", value.upper()).strip("_")[:40]
    if not TYPE.fullmatch(made):
        raise BadAnswer("a type has no name")
    return made


def score_of(value: Any) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or not 0 <= value <= 1
    ):
        raise BadAnswer("a score is none from 0 to 1")
    return float(value)


def span(start: Any, end: Any, text: str) -> tuple[int, int]:
    """Of characters. BadAnswer for one that is empty or outside of the text."""
    for one in (start, end):
        if isinstance(one, bool) or not isinstance(one, int):
            raise BadAnswer("a place is no number")
    if not 0 <= start < end <= len(text):
        raise BadAnswer("a place is outside of its text")
    return start, end


def listed(value: Any, *, least: int = 0, most: int = MOST_FINDINGS) -> list[Any]:
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise BadAnswer("a list is missing, or too long")
    return value


def mapped(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadAnswer("an object is missing")
    return value


JSON = ("content-type", "application/json")


def written(value: Any) -> bytes:
    """ValueError for a text that is no Unicode."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise ValueError("a text is no Unicode") from error
