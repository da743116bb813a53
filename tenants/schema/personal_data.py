"""What a policy may say about personal data and secrets in calls."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from dlp.detectors.custom import ALLOWED_SIGNS, MAX_TERMS, dictionary_fault, pattern_fault
from dlp.external.base import TYPE
from dlp.kinds import Kind
from dlp.policy import (
    DEADLINE_MS,
    EVERY,
    HOLD_BACK,
    INSPECTOR_MS,
    MAX_BYTES,
    NAMES_DEADLINE_MS,
    THRESHOLD,
    Action,
    Direction,
)
from orbit.lib.errors import InputError
from tenants.schema import values

MOST = 100  # rules, patterns, dictionaries of one policy
MOST_ALLOWED = 1_000
LEAST_THRESHOLD = 0.3  # below it nearly everything would be something
MOST_EXAMPLES = 20
MOST_INSPECTORS = 5
_NAME = re.compile(r"[A-Z][A-Z0-9_]{1,39}")
_DIGEST = re.compile(rf"[0-9a-f]{{{ALLOWED_SIGNS}}}")
_KINDS = tuple(kind.value for kind in Kind)


def _word(*words: str) -> BeforeValidator:
    def check(value: object) -> object:
        if not isinstance(value, str):
            raise InputError("", "must be text", f"one of: {', '.join(words)}")
        return values.one_of(value, words)

    return BeforeValidator(check)


def _own_name(value: object) -> object:
    """A type of the policy's own."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise InputError(
            "", "must be 2 to 40 capital letters, digits and underscores", "such as EMPLOYEE_NUMBER"
        )
    if value in _KINDS:
        raise InputError("", f"{value!r} is a type that is there already", "give it a name of its own")
    return value


def _threshold(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float) or not LEAST_THRESHOLD <= value <= 1:
        raise InputError("", f"must be a number from {LEAST_THRESHOLD} to 1", "such as 0.7")
    return float(value)


OwnName = Annotated[str, BeforeValidator(_own_name)]
Examples = Annotated[list[str], Field(max_length=MOST_EXAMPLES)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, validate_default=True)


class Pattern(_Strict):
    """In RE2's syntax; tried on its examples when it is saved. A first group is the value."""

    name: OwnName
    matches: Examples = []
    spares: Examples = []
    pattern: str

    @field_validator("pattern", mode="after")
    @classmethod
    def _pattern(cls, value: str, info: ValidationInfo) -> str:
        fault = pattern_fault(value, matches=info.data.get("matches", ()), spares=info.data.get("spares", ()))
        if fault is not None:
            raise InputError("", fault)
        return value

    def document(self) -> dict[str, Any]:
        examples = {name: said for name in ("matches", "spares") if (said := getattr(self, name))}
        return {"name": self.name, "pattern": self.pattern, **examples}


class Dictionary(_Strict):
    """Words that are found as whole words, in any case."""

    name: OwnName
    terms: Annotated[list[str], Field(min_length=1, max_length=MAX_TERMS)]

    @field_validator("terms", mode="after")
    @classmethod
    def _terms(cls, value: list[str]) -> list[str]:
        fault = dictionary_fault(value)
        if fault is not None:
            raise InputError("", fault)
        return value


def _digest(value: object) -> object:
    if value is None or (isinstance(value, str) and _DIGEST.fullmatch(value)):
        return value
    raise InputError(
        "",
        f"must be {ALLOWED_SIGNS} hexadecimal digits",
        "mark a finding as false on the page that tries a text",
    )


class Spared(_Strict):
    """A value that is no finding of this policy's rules; of one type, or of all. By its digest where it must not be seen."""

    value: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    digest: Annotated[str | None, BeforeValidator(_digest)] = None
    type: str | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.value is None) == (self.digest is None):
            raise InputError(
                "", "must have a value or a digest, and not both", "such as {value: a@example.com}"
            )
        return self

    def document(self) -> dict[str, Any]:
        named = {"value": self.value} if self.value is not None else {"digest": self.digest}
        return {**named, "type": self.type}


class Rule(_Strict):
    types: Annotated[list[str], Field(min_length=1, max_length=MOST)]
    direction: Annotated[str, _word(*map(str, Direction))] = "both"
    action: Annotated[str, _word(*map(str, Action))]
    threshold: Annotated[float, BeforeValidator(_threshold)] = THRESHOLD
    shadow: bool = False

    @field_validator("action", mode="after")
    @classmethod
    def _action(cls, value: str, info: ValidationInfo) -> str:
        if value == "tokenize" and info.data.get("direction") == "answer":
            raise InputError("", "nothing would turn a placeholder in an answer back", "use mask or hash")
        return value


class Names(_Strict):
    """Whether names and addresses in running text are looked for, by what, and how long a call waits for it."""

    by: Annotated[str, _word("rules", "model")] = "rules"
    deadline_ms: Annotated[int, Field(ge=20, le=60_000)] = NAMES_DEADLINE_MS
    when_uninspected: Annotated[str, _word("refuse", "pass")] = "refuse"


def _part(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise InputError("", "must be a number above 0, at most 1", "such as 0.4")
    return float(value)


class NamedInspector(_Strict):
    """One of the organization's inspectors, asked over HTTP. It gets texts as our own masking leaves them, unless the
    policy says otherwise. `thresholds` are by type, and stand in the place of a rule's."""

    name: Annotated[str, AfterValidator(values.name)]
    on: Annotated[str, _word(*map(str, Direction))] = "request"
    deadline_ms: Annotated[int, Field(ge=50, le=30_000)] = INSPECTOR_MS
    on_failure: Annotated[str, _word("refuse", "pass")] = "refuse"
    before_masking: bool = False
    thresholds: dict[str, Annotated[float, BeforeValidator(_part)]] = {}

    @field_validator("before_masking", mode="after")
    @classmethod
    def _before_masking(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("on") == "answer":
            raise InputError("", "an answer is inspected as our own masking leaves it", "leave it out")
        return value

    @field_validator("thresholds", mode="after")
    @classmethod
    def _thresholds(cls, value: dict[str, float]) -> dict[str, float]:
        for kind in value:
            if not TYPE.fullmatch(kind):
                raise InputError(f".{kind[:40]}", "is no type", "such as HATE_THREATENING")
        return value


class PersonalData(_Strict):
    patterns: Annotated[list[Pattern], Field(max_length=MOST)] = []
    dictionaries: Annotated[list[Dictionary], Field(max_length=MOST)] = []
    inspectors: Annotated[list[NamedInspector], Field(max_length=MOST_INSPECTORS)] = []
    rules: Annotated[list[Rule], Field(max_length=MOST)] = []
    allow: Annotated[list[Spared], Field(max_length=MOST_ALLOWED)] = []
    when_uninspected: Annotated[str, _word("refuse", "pass")] = "refuse"
    max_bytes: Annotated[int, Field(ge=1_000, le=10_000_000)] = MAX_BYTES
    deadline_ms: Annotated[int, Field(ge=50, le=60_000)] = DEADLINE_MS
    hold_back: Annotated[int, Field(ge=0, le=4_000)] = HOLD_BACK
    names: Names | None = None

    @field_validator("rules", mode="after")
    @classmethod
    def _rules(cls, rules: list[Rule], info: ValidationInfo) -> list[Rule]:
        for number, rule in enumerate(rules):
            for place, kind in enumerate(rule.types):
                _known(kind, info, f"[{number}].types[{place}]", EVERY)
        return rules

    @field_validator("allow", mode="after")
    @classmethod
    def _allow(cls, allow: list[Spared], info: ValidationInfo) -> list[Spared]:
        for number, one in enumerate(allow):
            if one.type is not None:
                _known(one.type, info, f"[{number}].type")
        return allow

    @field_validator("inspectors", mode="after")
    @classmethod
    def _inspectors(cls, inspectors: list[NamedInspector]) -> list[NamedInspector]:
        names = [one.name for one in inspectors]
        for number, name in enumerate(names):
            if name in names[:number]:
                raise InputError(f"[{number}].name", f"{name!r} is named twice", "merge the two")
        return inspectors

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.inspectors and not self.rules:
            raise InputError(
                ".inspectors",
                "find nothing that a rule would do something about",
                "add a rule, such as {types: [HATE], action: block}",
            )
        return self

    def document(self) -> dict[str, Any]:
        """What says nothing of `names`, or names no inspector, reads as it did before there were any."""
        made = self.model_dump(exclude={"patterns", "names", "inspectors"})
        more: dict[str, Any] = {} if self.names is None else {"names": self.names.model_dump()}
        if self.inspectors:
            more["inspectors"] = [one.model_dump() for one in self.inspectors]
        allow = [one.document() for one in self.allow]
        return {"patterns": [one.document() for one in self.patterns], **made, "allow": allow, **more}


def personal_data(value: object) -> object:
    """Nothing may be said as an empty list, as revisions store it."""
    return None if value is None or value == [] or value == {} else value


def _known(kind: str, info: ValidationInfo, path: str, *more: str) -> None:
    if not {"patterns", "dictionaries", "inspectors"} <= info.data.keys():  # what is wrong is told already
        return
    if info.data["inspectors"] and TYPE.fullmatch(kind):
        return  # theirs, which only they know
    own = [*info.data["patterns"], *info.data["dictionaries"]]
    names = [*_KINDS, *(one.name for one in own), *more]
    try:
        values.one_of(kind, dict.fromkeys(names))
    except InputError as error:
        raise InputError(path, error.message, error.suggestion) from None
