"""A model's route: where its calls may go, and how hard each is tried."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, field_validator

from orbit.lib.errors import InputError
from tenants import routing
from tenants.schema import values
from tenants.schema.policy import Count, Name, Strict, one_of
from tenants.schema.problems import problems_of

AFFINITIES = ("none", "key", "end_user", "conversation")

Alias = Annotated[str, AfterValidator(values.alias)]


class Target(Strict):
    account: Name
    model: Annotated[str, AfterValidator(values.upstream_model)]
    weight: Annotated[int, Field(ge=0, le=routing.MOST_WEIGHT)] = 1


class Timeouts(Strict):
    """In whole seconds. The installation's own where it says nothing."""

    connect_s: Annotated[int | None, Field(ge=1, le=routing.MOST_S["connect_s"])] = None
    first_byte_s: Annotated[int | None, Field(ge=1, le=routing.MOST_S["first_byte_s"])] = None
    gap_s: Annotated[int | None, Field(ge=1, le=routing.MOST_S["gap_s"])] = None
    total_s: Annotated[int | None, Field(ge=1, le=routing.MOST_S["total_s"])] = None


class ModelRoute(Strict):
    alias: Alias
    targets: Annotated[list[Target], Field(min_length=1)]
    fallbacks: list[Alias] = []
    retries: Annotated[int, Field(ge=0, le=routing.MOST_RETRIES)] = 1
    affinity: Annotated[str, one_of(*AFFINITIES)] = "none"
    timeouts: Timeouts = Timeouts()
    context_window: Count | None = None
    max_output_tokens: Count | None = None
    deprecated: Annotated[str, AfterValidator(values.notice)] | None = None

    @field_validator("targets", mode="after")
    @classmethod
    def _targets(cls, targets: list[Target]) -> list[Target]:
        _at_most(routing.MOST_TARGETS, targets)
        _once(
            [(target.account, target.model) for target in targets], "make it one, with the sum of the weights"
        )
        if targets and not any(target.weight for target in targets):
            raise InputError("", "are all spares", "give one of them a weight above 0")
        return targets

    @field_validator("fallbacks", mode="before")
    @classmethod
    def _none(cls, fallbacks: object) -> object:
        return [] if fallbacks is None else fallbacks

    @field_validator("fallbacks", mode="after")
    @classmethod
    def _fallbacks(cls, fallbacks: list[str], info: ValidationInfo) -> list[str]:
        _at_most(routing.MOST_FALLBACKS, fallbacks)
        _once(fallbacks, "name it once")
        for number, alias in enumerate(fallbacks):
            if alias == info.data.get("alias"):
                raise InputError(f"[{number}]", "is the model itself", "leave it out")
        return fallbacks

    @field_validator("max_output_tokens", mode="after")
    @classmethod
    def _within(cls, value: int | None, info: ValidationInfo) -> int | None:
        window = info.data.get("context_window")
        if value is not None and window is not None and value > window:
            raise InputError("", f"must be at most the context window, {window}")
        return value


def checked(given: object) -> ModelRoute:
    """A route as a form gives it. InputError, which names the field, when it is wrong."""
    try:
        return ModelRoute.model_validate(given)
    except ValidationError as error:
        first = problems_of(error, ModelRoute)[0]
        raise InputError(first.path, first.message, first.suggestion) from None


def _at_most(most: int, given: Sequence[object]) -> None:
    if len(given) > most:
        raise InputError(f"[{most}]", f"must be at most {most}", "leave out the others")


def _once(given: Sequence[Hashable], suggestion: str) -> None:
    for number, one in enumerate(given):
        first = given.index(one)
        if first != number:
            raise InputError(f"[{number}]", f"is the same as [{first}]", suggestion)
