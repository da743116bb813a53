"""What the form of a model's route holds, read strictly: a field is empty, or what it should be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from orbit.lib.errors import InputError
from tenants import routing
from tenants.models import ModelAlias
from tenants.services import NewTarget

SPARE_LINES = 2
_NUMBERS = ("retries", "context_window", "max_output_tokens", *routing.MOST_S)
_TEXTS = ("alias", "affinity", "deprecated")
_PLACE = re.compile(r"(targets|fallbacks)\[(\d+)\](?:\.(\w+))?")


@dataclass(frozen=True, slots=True)
class Line:
    """A target as it was typed."""

    account: str = ""
    model: str = ""
    weight: str = "1"


@dataclass(frozen=True, slots=True)
class Typed:
    """The form as it was typed, or as the stored route fills it in."""

    fields: dict[str, str]
    lines: tuple[Line, ...]
    fallbacks: tuple[str, ...]

    @property
    def shown_lines(self) -> list[Line]:
        """With some to fill in: without a script there are no others."""
        spare = max(0, min(SPARE_LINES, routing.MOST_TARGETS - len(self.lines)))
        return [*self.lines, *[Line()] * spare]

    @property
    def shown_fallbacks(self) -> list[str]:
        spare = max(0, min(SPARE_LINES, routing.MOST_FALLBACKS - len(self.fallbacks)))
        return [*self.fallbacks, *[""] * spare]

    def route(self) -> dict[str, Any]:
        """For `save_model`. InputError names the field that is no number."""
        timeouts = {name: self._number(name) for name in routing.MOST_S}
        retries = self._number("retries")
        return {
            "alias": self.fields["alias"],
            "targets": [
                NewTarget(one.account, one.model, _whole(f"targets[{number}].weight", one.weight, 1))
                for number, one in enumerate(self.lines)
            ],
            "fallbacks": list(self.fallbacks),
            "retries": 1 if retries is None else retries,
            "affinity": self.fields["affinity"] or "none",
            "timeouts": timeouts,
            "context_window": self._number("context_window"),
            "max_output_tokens": self._number("max_output_tokens"),
            "deprecated": self.fields["deprecated"] or None,
        }

    def _number(self, name: str) -> int | None:
        text = self.fields[name]
        return _whole(name, text, 0) if text else None


def read(post: QueryDict) -> Typed:
    """Lines in which nothing is named are left out."""
    columns = (post.getlist("account"), post.getlist("model"), post.getlist("weight"))
    lines = [
        Line(*(text.replace("\x00", "").strip() for text in line)) for line in zip(*columns, strict=False)
    ]
    fallbacks = [one.replace("\x00", "").strip() for one in post.getlist("fallback")]
    return Typed(
        {name: post.get(name, "").replace("\x00", "").strip() for name in (*_TEXTS, *_NUMBERS)},
        tuple(line for line in lines if line.model or (line.account and len(lines) == 1)),
        tuple(one for one in fallbacks if one),
    )


def stored(row: ModelAlias) -> Typed:
    """Of a row whose targets and fallbacks were read along."""
    targets = sorted(row.targets.all(), key=lambda one: one.position)
    fallbacks = sorted(row.fallbacks.all(), key=lambda one: one.position)
    numbers = {name: getattr(row, name) for name in _NUMBERS}
    return Typed(
        {name: getattr(row, name) for name in _TEXTS}
        | {name: "" if value is None else str(value) for name, value in numbers.items()},
        tuple(Line(one.account.name, one.model, str(one.weight)) for one in targets),
        tuple(one.fallback.alias for one in fallbacks),
    )


def empty(account: str = "", model: str = "") -> Typed:
    """A new route, perhaps begun from what an account offers."""
    fields = dict.fromkeys((*_TEXTS, *_NUMBERS), "") | {"alias": model, "retries": "1", "affinity": "none"}
    return Typed(fields, (Line(account, model),), ())


def told(error: InputError) -> InputError:
    """With the place as the form has it: `targets[1].model` is target 2's model."""
    path = error.path.removeprefix("timeouts.")
    place = _PLACE.fullmatch(path)
    if place is None:
        return InputError(path, error.message, error.suggestion)
    what, number, part = place.groups()
    name = f"{what.removesuffix('s')} {int(number) + 1}"
    return InputError(f"{name} {part}" if part else name, error.message, error.suggestion)


def _whole(path: str, text: str, usual: int) -> int:
    if not text:
        return usual
    if not re.fullmatch(r"[0-9]{1,16}", text):
        raise InputError(path, "must be a whole number")
    return int(text)
