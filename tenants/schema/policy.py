"""The policy document: what it may say, and the whole form in which it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from orbit.lib import clock, money
from orbit.lib.errors import InputError
from tenants.schema import values
from tenants.schema.personal_data import PersonalData, personal_data
from tenants.schema.problems import Invalid, problems_of
from tenants.schema.values import LARGEST, NOT_YET, SMOOTH_US

_CALENDAR = ("day", "week", "month", "quarter", "year", "total")
RETENTIONS = (30, 90, 400, 2555)  # days; the ledger has partitions of each
_METERS = ("requests", "tokens", "input_tokens", "output_tokens", "cost", "concurrency")


def supported(*allowed: object, hint: str = "leave it out") -> BeforeValidator:
    """A field of the design whose enforcement is not built; only what changes nothing is taken."""

    def check(value: object) -> object:
        if not any(value is word or (type(value) is type(word) and value == word) for word in allowed):
            raise InputError("", NOT_YET, hint)
        return value

    return BeforeValidator(check)


def one_of(*words: str, later: tuple[str, ...] = (), unsaid: bool = False) -> BeforeValidator:
    """One of `words`; those of `later` are known to the design but not built. With `unsaid` also nothing."""

    def check(value: object) -> object:
        if value is None and unsaid:
            return None
        if not isinstance(value, str):
            raise InputError("", "must be text", f"one of: {', '.join(words)}")
        if value in later:
            raise InputError(
                "", NOT_YET, f"use {words[0]}" if len(words) == 1 else f"one of: {', '.join(words)}"
            )
        return values.one_of(value, words)

    return BeforeValidator(check)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, validate_default=True)


Name = Annotated[str, AfterValidator(values.name)]
Count = Annotated[int, Field(ge=1, le=LARGEST)]
Models = Annotated[str, AfterValidator(values.aliases)]


class Allow(Strict):
    models: list[Models] = ["*"]
    endpoints: list[Annotated[str, AfterValidator(values.endpoint)]] = ["*"]
    ip_ranges: list[Annotated[str, AfterValidator(values.ip_range)]] = []


class Caps(Strict):
    max_input_tokens: Count | None = None
    max_output_tokens: Count | None = None
    max_body_bytes: Count | None = None


class Temporary(Strict):
    """An increase that ends by itself. One that has ended may stay; it changes nothing."""

    limit: Any  # what it may be hangs on the meter: Limit judges it
    until: str

    @field_validator("until", mode="before")
    @classmethod
    def _until(cls, value: object) -> str:
        return clock.rfc3339(values.zoned(value))


class Limit(Strict):
    name: Name
    meter: Annotated[str, one_of(*_METERS)]
    per: str | None = None
    limit: int | str
    burst: Count | None = None
    models: Annotated[list[Annotated[str, AfterValidator(values.alias)]], Field(min_length=1)] | None = None
    of: Annotated[str, one_of("self", "each_key", "each_end_user")] = "self"
    shadow: bool = False
    temporary: Temporary | None = None
    soft: Annotated[Any, supported(None)] = Field(default=None, description=NOT_YET)

    @field_validator("per", mode="before")
    @classmethod
    def _per(cls, value: object, info: ValidationInfo) -> object:
        meter = info.data.get("meter")
        if meter == "concurrency" and value is not None:
            raise InputError("", "concurrency has no window", "leave it out")
        if meter in (None, "concurrency"):
            return value
        windows = _CALENDAR if meter == "cost" else (*SMOOTH_US, *_CALENDAR)
        if value is None:
            raise InputError("", "is missing", f"one of: {', '.join(windows)}")
        if meter == "cost" and value in SMOOTH_US:
            raise InputError("", f"cost is not counted per {value}", f"one of: {', '.join(windows)}")
        if not isinstance(value, str):
            raise InputError("", "must be text", f"one of: {', '.join(windows)}")
        return values.one_of(value, windows)

    @field_validator("limit", mode="before")
    @classmethod
    def _limit(cls, value: object, info: ValidationInfo) -> object:
        meter = info.data.get("meter")
        return 1 if meter is None else amount_of(meter, value)  # None: told already

    @field_validator("burst", mode="after")
    @classmethod
    def _burst(cls, value: int | None, info: ValidationInfo) -> int | None:
        if "per" not in info.data:  # told already
            return value
        per, limit = info.data["per"], info.data.get("limit")
        if per not in SMOOTH_US:
            if value is not None:
                raise InputError("", "only a limit per second, minute or hour has a burst", "leave it out")
            return None
        burst = limit if value is None else value
        if isinstance(burst, int) and burst * SMOOTH_US[per] > LARGEST:
            most = LARGEST // SMOOTH_US[per]
            raise InputError(
                "", f"must be at most {most} per {per}, where counters are exact", f"set burst to {most}"
            )
        return burst if isinstance(burst, int) else None

    @field_validator("shadow", mode="before")
    @classmethod
    def _shadow(cls, value: object) -> object:
        return False if value is None else value

    @field_validator("temporary", mode="after")
    @classmethod
    def _temporary(cls, value: Temporary | None, info: ValidationInfo) -> Temporary | None:
        meter, limit, per = (info.data.get(name) for name in ("meter", "limit", "per"))
        if value is None or meter is None or limit is None:  # told already
            return value
        try:
            raised = amount_of(meter, value.limit)
        except InputError as error:
            raise InputError(".limit", error.message, error.suggestion) from None
        if money.nano(raised) <= money.nano(limit) if meter == "cost" else raised <= limit:
            raise InputError(
                ".limit", f"must be more than the limit itself, {limit}", "a temporary limit is an increase"
            )
        burst = info.data.get("burst")
        if burst is not None and per in SMOOTH_US:
            most = LARGEST // SMOOTH_US[per]
            if burst * raised // limit > most:  # the burst grows with the limit
                raise InputError(
                    ".limit",
                    f"makes a burst of more than {most} per {per}, where counters are exact",
                    f"set it to at most {most * limit // burst}",
                )
        return Temporary(limit=raised, until=value.until)


def amount_of(meter: str, value: object) -> Any:
    """What a limit of this meter may be: a whole number, or an amount of money as text."""
    if meter == "cost":
        return values.cost(value)
    if isinstance(value, bool) or not isinstance(value, int):
        text = value.strip() if isinstance(value, str) else ""
        raise InputError(
            "",
            "must be a whole number",
            f"write {text} without quotes" if text.isdecimal() else "such as 600",
        )
    if value < 1:
        raise InputError("", "must be at least 1")
    if value > LARGEST:
        raise InputError("", f"must be at most {LARGEST}", "counters are exact up to there")
    return value


class Drain(Strict):
    """Reading on after the client left, at most so long and for so much."""

    max_s: Annotated[int, Field(ge=1, le=3600)]
    max_cost: str

    @field_validator("max_cost", mode="before")
    @classmethod
    def _max_cost(cls, value: object) -> str:
        return values.cost(value)


class OnDisconnect(Strict):
    drain: Drain


class CeilingPrice(Strict):
    """Per million tokens, for a model without a price. Never free."""

    input: str
    output: str

    @field_validator("input", "output", mode="before")
    @classmethod
    def _amount(cls, value: object) -> str:
        return values.cost(value)


class Untranslatable(Strict):
    """Fields that may be left out where a provider's format has no word for them, each with what is in it."""

    drop: Annotated[
        list[Annotated[str, AfterValidator(values.field_path)]],
        Field(min_length=1),
        AfterValidator(lambda fields: sorted(set(fields))),
    ]


class Audit(Strict):
    """What is kept of calls. `content_days` is how long prompts and answers are, where they are; `retention_days` how long events are."""

    content: Annotated[str, one_of("none", "redacted", "full")] = "none"
    content_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    retention_days: Literal[30, 90, 400, 2555, "unlimited"] | None = None
    required: bool = False

    @field_validator("retention_days", mode="before")
    @classmethod
    def _retention(cls, value: object) -> object:
        if value is None or (type(value) in (int, str) and value in (*RETENTIONS, "unlimited")):
            return value
        raise InputError(
            "", "must be one of 30, 90, 400, 2555 or unlimited", "leave it out for the installation's"
        )

    @field_validator("required", mode="before")
    @classmethod
    def _required(cls, value: object) -> object:
        if isinstance(value, bool):
            return value
        raise InputError("", "must be true or false", "such as true")

    def document(self) -> dict[str, Any]:
        """What is not said is left out, so that policies of before read as they did."""
        said = {"content_days": self.content_days, "retention_days": self.retention_days}
        return {"content": self.content, "required": self.required} | {
            name: value for name, value in said.items() if value is not None
        }


class Policy(Strict):
    allow: Allow = Allow()
    caps: Caps = Caps()
    limits: list[Limit] = []
    on_store_failure: Annotated[str, one_of("closed", "local_share")] = "closed"
    output_reserve: Annotated[str | None, one_of("bound", "learned", unsaid=True)] = None
    unpriced_models: Literal["refuse"] | CeilingPrice = "refuse"
    on_disconnect: Literal["cancel"] | OnDisconnect | None = None
    untranslatable: Literal["refuse", "drop"] | Untranslatable = "refuse"
    dlp: Annotated[PersonalData | None, BeforeValidator(personal_data)] = None
    audit: Audit = Audit()

    @field_validator("unpriced_models", mode="before")
    @classmethod
    def _unpriced(cls, value: object) -> object:
        if isinstance(value, dict | CeilingPrice):
            return _nested(CeilingPrice, value)
        if value == "refuse":
            return value
        raise InputError(
            "", "must be refuse or a price", 'such as refuse or {input: "30.00", output: "120.00"}'
        )

    @field_validator("on_disconnect", mode="before")
    @classmethod
    def _on_disconnect(cls, value: object) -> object:
        if isinstance(value, dict | OnDisconnect):
            return _nested(OnDisconnect, value)
        if value is None or value == "cancel":
            return value
        example = 'such as {drain: {max_s: 60, max_cost: "0.50"}}'
        near = "" if value == "drain" else values.nearest(str(value), ["cancel"])
        raise InputError("", "must be cancel or drain with its limits", near or example)

    @field_validator("untranslatable", mode="before")
    @classmethod
    def _untranslatable(cls, value: object) -> object:
        if isinstance(value, dict | Untranslatable):
            return _nested(Untranslatable, value)
        if value in ("refuse", "drop"):
            return value
        near = values.nearest(str(value), ["refuse", "drop"])
        raise InputError("", "must be refuse, drop, or the fields to drop", near or "such as {drop: [seed]}")

    @field_validator("limits", mode="after")
    @classmethod
    def _told_apart(cls, limits: list[Limit]) -> list[Limit]:
        names: set[str] = set()
        counters: dict[tuple[object, ...], str] = {}
        for number, limit in enumerate(limits):
            if limit.name in names:
                raise InputError(
                    f"[{number}].name", f"two limits are named {limit.name!r}", "give each its own name"
                )
            names.add(limit.name)
            models = None if limit.models is None else tuple(sorted(set(limit.models)))
            counter = (limit.meter, limit.per, models, limit.of, limit.shadow)
            if counter in counters:
                raise InputError(
                    f"[{number}]", f"counts the same as {counters[counter]!r}", "keep the lower of the two"
                )
            counters[counter] = limit.name
        return limits

    def document(self) -> dict[str, Any]:
        """The whole policy with every default filled in, as revisions store it."""
        made = self.model_dump(exclude={"name", "dlp", "audit", "limits"})
        made["limits"] = [limit.model_dump(exclude={"soft"}) for limit in self.limits]
        personal = [] if self.dlp is None else self.dlp.document()
        return made | {"dlp": personal, "audit": self.audit.document()}


def models_named(document: Mapping[str, Any]) -> set[str]:
    """The aliases that a stored document names, `*` aside."""
    found = set(document["allow"]["models"]).union(*(limit["models"] or [] for limit in document["limits"]))
    return found - {"*"}


class NamedPolicy(Policy):
    name: Name


def _nested(model: type[BaseModel], value: object) -> BaseModel:
    """A model that is one of several things a field may hold; what is wrong in it is told by its path there."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = problems_of(error, model)[0]
        raise InputError(f".{first.path}", first.message, first.suggestion) from None


def policy_document(given: Mapping[str, Any]) -> dict[str, Any]:
    """The stored form of a policy as a form or file gives it (without its name). Invalid when it is wrong."""
    try:
        return Policy.model_validate(dict(given)).document()
    except ValidationError as error:
        raise Invalid(problems_of(error, Policy)) from None


def allow_document(given: Mapping[str, Any]) -> dict[str, Any]:
    """The stored form of what narrows a key: only what differs from all. Invalid when it is wrong."""
    try:
        return Allow.model_validate(dict(given)).model_dump(exclude_defaults=True)
    except ValidationError as error:
        raise Invalid(problems_of(error, Allow)) from None
