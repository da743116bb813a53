"""The common parts of a policy as fields of a form.

What the form changed since it was shown is put into the text as it is now, field by field, so that neither view loses what
was set in the other, nor what the form has no field for.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

METERS = ("requests", "tokens", "input_tokens", "output_tokens", "cost", "concurrency")
WINDOWS = ("second", "minute", "hour", "day", "week", "month", "quarter", "year", "total")
WHOSE = (("self", "all together"), ("each_key", "each key"), ("each_end_user", "each end user"))
ACTIONS = (
    ("log", "only tell of it"),
    ("tokenize", "replace it, and turn it back in the answer"),
    ("hash", "replace it by a digest"),
    ("mask", "replace it"),
    ("block", "refuse the call, or end the answer"),
)
DIRECTIONS = (("both", "requests and answers"), ("request", "requests"), ("answer", "answers"))
MOST_LIMITS = 200
MOST_RULES = 100
SHOWN = "form-shown"  # says that the form was there at all

# Field of the form, where it stands in the document, how it is written.
_FIELDS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("models", ("allow", "models"), "words"),
    ("endpoints", ("allow", "endpoints"), "words"),
    ("ip_ranges", ("allow", "ip_ranges"), "words"),
    ("max_input_tokens", ("caps", "max_input_tokens"), "whole"),
    ("max_output_tokens", ("caps", "max_output_tokens"), "whole"),
    ("max_body_bytes", ("caps", "max_body_bytes"), "whole"),
    ("on_store_failure", ("on_store_failure",), "text"),
    ("output_reserve", ("output_reserve",), "text"),
    ("when_uninspected", ("dlp", "when_uninspected"), "text"),
    ("max_bytes", ("dlp", "max_bytes"), "whole"),
    ("deadline_ms", ("dlp", "deadline_ms"), "whole"),
    ("hold_back", ("dlp", "hold_back"), "whole"),
    ("names_by", ("dlp", "names", "by"), "text"),
    ("names_deadline_ms", ("dlp", "names", "deadline_ms"), "whole"),
    ("names_uninspected", ("dlp", "names", "when_uninspected"), "text"),
)
_RULE_FIELDS = (
    ("types", "words"),
    ("direction", "text"),
    ("action", "text"),
    ("threshold", "number"),
    ("shadow", "yes"),
)
_LIMIT_FIELDS = (
    ("name", "text"),
    ("meter", "text"),
    ("per", "text"),
    ("limit", "amount"),
    ("burst", "whole"),
    ("models", "words"),
    ("of", "text"),
    ("shadow", "yes"),
)
_DEFAULTS: dict[str, Any] = {
    "models": ["*"],
    "endpoints": ["*"],
    "on_store_failure": "closed",
    "of": "self",
    "when_uninspected": "refuse",
    "names_by": "rules",
    "names_uninspected": "refuse",
    "direction": "both",
}
# Fields that hold a word, or a mapping with fields of its own.
_EITHER: tuple[tuple[str, str, str, tuple[tuple[str, tuple[str, ...], str], ...]], ...] = (
    (
        "unpriced_models",
        "refuse",
        "price",
        (("unpriced_input", ("input",), "text"), ("unpriced_output", ("output",), "text")),
    ),
    (
        "on_disconnect",
        "cancel",
        "drain",
        (("drain_s", ("drain", "max_s"), "whole"), ("drain_cost", ("drain", "max_cost"), "text")),
    ),
    ("untranslatable", "refuse", "some", (("untranslatable_drop", ("drop",), "words"),)),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One limit; `number` is its place in the document."""

    number: int
    fields: Mapping[str, str]
    temporary: Mapping[str, Any] | None

    @property
    def path(self) -> str:
        return f"limits[{self.number}]"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule about personal data; `number` is its place in the document."""

    number: int
    fields: Mapping[str, str]

    @property
    def path(self) -> str:
        return f"dlp.rules[{self.number}]"


@dataclass(frozen=True, slots=True)
class Form:
    fields: Mapping[str, str]
    rows: list[Row]
    rules: list[Rule]


def form_of(content: Mapping[str, Any] | None) -> Form | None:
    """None when the text is not of a shape that fields can show."""
    if content is None or not _shaped(content):
        return None
    fields = {name: _shown(_get(content, path, name), kind) for name, path, kind in _FIELDS}
    for name, word, other, inner in _EITHER:
        value = content.get(name) or word
        fields[name] = other if isinstance(value, Mapping) else str(value)
        for field, path, kind in inner:
            fields[field] = _shown(_get(value, path) if isinstance(value, Mapping) else None, kind)
    rows = [
        Row(
            number,
            {
                name: _shown(one.get(name, _DEFAULTS.get(name) if name == "of" else None), kind)
                for name, kind in _LIMIT_FIELDS
            },
            one["temporary"] if isinstance(one.get("temporary"), Mapping) else None,
        )
        for number, one in enumerate(content.get("limits") or [])
    ]
    rules = [
        Rule(number, {name: _shown(one.get(name, _DEFAULTS.get(name)), kind) for name, kind in _RULE_FIELDS})
        for number, one in enumerate(_rules(content))
    ]
    return Form(fields, rows, rules)


def merged(
    base: Mapping[str, Any] | None, content: dict[str, Any], given: Mapping[str, str]
) -> dict[str, Any]:
    """The text's content with what the form changed since it showed `base`; and with a limit more, or less."""
    shown, made = form_of(base), deepcopy(content)
    for name in ("allow", "caps", "limits"):
        if made.get(name, ()) is None:
            del made[name]
    if isinstance(made.get("dlp"), dict) and made["dlp"].get("names", ()) is None:
        del made["dlp"]["names"]
    if not made.get("dlp", True):  # which is written as a list when nothing is said
        del made["dlp"]
    if shown is not None and SHOWN in given and _shaped(made):
        for name, path, kind in _FIELDS:
            if _changed(shown.fields, given, name, name, kind):
                _set(made, path, _read(given[name], kind), _DEFAULTS.get(name))
        for either in _EITHER:
            _merge_either(made, shown, given, either)
        for row in shown.rows:
            _merge_limit(made, row, given)
        for rule in shown.rules:
            _merge_rule(made, rule, given)
    return _acted(made, given.get("do", ""))


def _merge_either(made: dict[str, Any], shown: Form, given: Mapping[str, str], either: Any) -> None:
    name, word, other, inner = either
    parts = [(name, "text"), *((field, kind) for field, _, kind in inner)]
    if not any(_changed(shown.fields, given, field, field, kind) for field, kind in parts):
        return
    chosen = given.get(name, word)
    if chosen != other:
        _set(made, (name,), chosen, word)
        return
    value: dict[str, Any] = {}
    for field, path, kind in inner:
        _set(value, path, _read(given.get(field, ""), kind), None, keep=True)
    made[name] = value


def _merge_limit(made: dict[str, Any], row: Row, given: Mapping[str, str]) -> None:
    limits = made.get("limits") or []
    if row.number >= len(limits):
        return
    limit = limits[row.number]
    meter = given.get(f"limit-{row.number}-meter", limit.get("meter"))
    for name, kind in _LIMIT_FIELDS:
        field = f"limit-{row.number}-{name}"
        moved = name == "limit" and meter != row.fields["meter"]  # another unit is written another way
        if not (_changed(row.fields, given, name, field, kind) or (moved and field in given)):
            continue
        value = _amount(given[field], meter) if kind == "amount" else _read(given[field], kind)
        if value in (None, [], _DEFAULTS.get(name) if name == "of" else None) or value is False:
            limit.pop(name, None)
        else:
            limit[name] = value


def _merge_rule(made: dict[str, Any], row: Rule, given: Mapping[str, str]) -> None:
    rules = _rules(made)
    if row.number >= len(rules):
        return
    rule = rules[row.number]
    for name, kind in _RULE_FIELDS:
        field = f"rule-{row.number}-{name}"
        if not _changed(row.fields, given, name, field, kind):
            continue
        value = _read(given[field], kind)
        if value is None or value is False or value == _DEFAULTS.get(name):
            rule.pop(name, None)
        else:
            rule[name] = value


def _acted(made: dict[str, Any], act: str) -> dict[str, Any]:
    if not _shaped(made):
        return made
    limits = list(made.get("limits") or [])
    if act == "add" and len(limits) < MOST_LIMITS:
        taken = {one.get("name") for one in limits}
        name = next(name for number in range(1, MOST_LIMITS + 2) if (name := f"limit-{number}") not in taken)
        made["limits"] = [*limits, {"name": name, "meter": "requests", "per": "minute", "limit": 60}]
    elif act.startswith("remove-") and act[7:].isdecimal() and int(act[7:]) < len(limits):
        del limits[int(act[7:])]
        made["limits"] = limits
    _act_on_rules(made, act)
    return made


def _act_on_rules(made: dict[str, Any], act: str) -> None:
    rules = list(_rules(made))
    number = act.removeprefix("drop-rule-")
    if act == "add-rule" and len(rules) < MOST_RULES:
        rules.append({"types": ["EMAIL_ADDRESS"], "action": "tokenize"})
    elif act != number and number.isdecimal() and int(number) < len(rules):
        del rules[int(number)]
    else:
        return
    made["dlp"] = {**(made.get("dlp") or {}), "rules": rules}


def _rules(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of a document that is shaped."""
    return (content.get("dlp") or {}).get("rules") or []


def _changed(before: Mapping[str, str], given: Mapping[str, str], name: str, field: str, kind: str) -> bool:
    return field in given and _read(given[field], kind) != _read(before[name], kind)


def _read(text: str, kind: str) -> Any:
    text = text.strip()
    if kind == "words":
        return text.replace(",", " ").split()
    if kind == "yes":
        return text == "yes"
    if kind == "whole":
        plain = text.replace(",", "").replace(" ", "")
        return None if not text else int(plain) if plain.isdecimal() else text
    if kind == "number":
        try:
            return float(text) if text else None
        except ValueError:
            return text
    return text or None


def _amount(text: str, meter: Any) -> Any:
    """Money is text, everything else a whole number; what is neither is left for the rules to refuse."""
    text = text.strip()
    return text if meter == "cost" or not text else _read(text, "whole")


def _shown(value: Any, kind: str) -> str:
    if kind == "yes":
        return "yes" if value is True else "no"
    if kind == "words":
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")
    return "" if value is None else str(value)


def _get(content: Mapping[str, Any], path: tuple[str, ...], name: str = "") -> Any:
    value: Any = content
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return _DEFAULTS.get(name) if value is None else value


def _set(
    content: dict[str, Any], path: tuple[str, ...], value: Any, default: Any, *, keep: bool = False
) -> None:
    """What is as it would be by itself is left out, so that the text stays short."""
    *above, last = path
    inside, way = content, []
    for part in above:
        way.append((inside, part))
        inside = inside.setdefault(part, {})
    if value == default or (value in (None, []) and default is None and not keep):
        inside.pop(last, None)
        for outside, part in reversed(way):
            if not outside[part]:
                del outside[part]
    else:
        inside[last] = value if value is not None else ""


def _shaped(content: Mapping[str, Any]) -> bool:
    limits = content.get("limits") or []
    if not isinstance(limits, list) or not all(isinstance(one, dict) for one in limits):
        return False
    if not all(isinstance(content.get(name) or {}, dict) for name in ("allow", "caps", "dlp")):
        return False
    if not isinstance((content.get("dlp") or {}).get("names") or {}, dict):
        return False
    rules = _rules(content)
    return isinstance(rules, list) and all(isinstance(one, dict) for one in rules)
