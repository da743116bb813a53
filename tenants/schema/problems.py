"""What is wrong with a file, told by path, in our words, with a suggestion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from orbit.lib.errors import InputError
from tenants.schema.values import NOT_YET, nearest

_WORDS = {
    "missing": "is missing",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a mapping of names to values",
    "model_type": "must be a mapping of names to values",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}


@dataclass(frozen=True, slots=True)
class Problem:
    path: str
    message: str
    suggestion: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


class Invalid(ValueError):
    """Nothing may be done with this input; `problems` says why."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.path}: {problem.message}" for problem in problems))
        self.problems = list(problems)


def path_of(location: Sequence[int | str]) -> str:
    """`("organizations", 0, "slug")` reads `organizations[0].slug`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    found = [_problem(detail, model) for detail in error.errors(include_url=False)]
    return list({(problem.path, problem.message): problem for problem in found}.values())


def _problem(detail: Mapping[str, Any], model: type[BaseModel]) -> Problem:
    location, kind, given, context = detail["loc"], detail["type"], detail["input"], detail.get("ctx", {})
    path = path_of(location)
    cause = context.get("error")
    if isinstance(cause, InputError):
        return Problem(path + cause.path, cause.message, cause.suggestion)
    if kind == "extra_forbidden":
        known = _fields(model, location[:-1])
        return Problem(
            path, "unknown field", nearest(str(location[-1]), known) or f"known: {', '.join(sorted(known))}"
        )
    if kind == "literal_error":
        return _not_one_of(path, given, context["expected"])
    if kind == "greater_than_equal":
        return Problem(path, f"must be at least {context['ge']}")
    if kind == "less_than_equal":
        return Problem(path, f"must be at most {context['le']}")
    if kind == "too_long":
        return Problem(path, f"must have at most {context['max_length']} entries")
    if kind == "string_too_long":
        return Problem(path, f"must have at most {context['max_length']} characters")
    if kind == "missing":
        return Problem(path, _WORDS[kind], f"add {location[-1]!r}")
    return Problem(path, _WORDS.get(kind, detail["msg"]), _retyped(kind, given))


def _not_one_of(path: str, given: object, expected: str) -> Problem:
    words = [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]
    suggestion = nearest(given, words) if isinstance(given, str) else ""
    shown = repr(given) if isinstance(given, str | int | float) else "this"
    return Problem(path, f"{shown} is not known", suggestion or f"one of: {', '.join(words)}")


def _retyped(kind: str, given: object) -> str:
    if kind == "int_type":
        if isinstance(given, str) and given.strip().isdecimal():
            return f"write {given.strip()} without quotes"
        if isinstance(given, float) and given.is_integer():
            return f"write {int(given)}"
    if kind == "string_type" and isinstance(given, bool | int | float):
        return "put it in quotes"  # not repeated: it may be a secret
    return ""


def _fields(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    """The fields that the mapping at `location` may have; those not built yet are not offered."""
    found: Any = model
    for part in location:
        if isinstance(part, str) and isinstance(found, type) and issubclass(found, BaseModel):
            field = found.model_fields.get(part)
            found = model_in(field.annotation) if field else None
    if not (isinstance(found, type) and issubclass(found, BaseModel)):
        return []
    return [field.alias or name for name, field in found.model_fields.items() if field.description != NOT_YET]


def model_in(annotation: Any) -> Any:
    """The model inside `list[X]`, `X | None` and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(model_in, getattr(annotation, "__args__", ()))), None)
