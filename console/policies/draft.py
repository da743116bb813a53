"""A draft of a policy: the text that somebody writes, what the form set beside it, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from orbit.lib.errors import InputError
from tenants.comparison import Difference, compare
from tenants.export import policy_entry
from tenants.models import ModelAlias
from tenants.schema import Invalid, Problem, load, models_named, policy_document

MOST_CHARS = 200_000
_PARTS = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_LINE = re.compile(r"\bline (\d+)")


@dataclass(frozen=True, slots=True)
class Fault:
    """A problem with the line of the text where it is, if that can be told."""

    path: str
    message: str
    suggestion: str
    line: int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`document` is the draft as it would be stored, None while it is none; `changes` None without a policy to compare with."""

    document: dict[str, Any] | None
    faults: tuple[Fault, ...] = ()
    unknown_models: tuple[str, ...] = ()
    changes: tuple[Difference, ...] | None = None

    @property
    def ok(self) -> bool:
        return self.document is not None


@dataclass(frozen=True, slots=True)
class Draft:
    """`content` is what the text says, None while it cannot be read."""

    text: str
    content: dict[str, Any] | None
    faults: tuple[Fault, ...] = field(default=())


def read(text: str) -> Draft:
    text = text.replace("\r\n", "\n")
    try:
        if len(text) > MOST_CHARS:
            raise Invalid([Problem("", f"is longer than {MOST_CHARS:,} characters")])
        content = load(text.encode())
        if content is None:
            content = {}
        if not isinstance(content, dict):
            raise Invalid([Problem("", "must be a mapping of names to values", "such as limits: []")])
    except Invalid as error:
        return Draft(text, None, _located(error.problems, text))
    content.pop("name", None)  # as `policy show` prints it; which policy this is says the page
    return Draft(text, content)


def written(content: Mapping[str, Any]) -> str:
    """As people write a policy."""
    return yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=100) if content else ""


def text_of(document: Mapping[str, Any]) -> str:
    """What a revision stores, without its defaults."""
    return written({name: value for name, value in policy_entry(dict(document)).items() if name != "name"})


def judged(draft: Draft, in_force: Mapping[str, Any] | None) -> Verdict:
    """Runs in the organization's scope, and by the same rules as the management API."""
    if draft.content is None:
        return Verdict(None, draft.faults)
    try:
        document = policy_document(draft.content)
    except Invalid as error:
        return Verdict(None, _located(error.problems, draft.text))
    except InputError as error:
        problem = Problem(error.path, error.message, error.suggestion)
        return Verdict(None, _located([problem], draft.text))
    named = {one for one in models_named(document) if "*" not in one}
    known = (
        set(ModelAlias.objects.filter(alias__in=named).values_list("alias", flat=True)) if named else set()
    )
    changes = None if in_force is None else tuple(compare(whole(in_force), document))
    return Verdict(document, (), tuple(sorted(named - known)), changes)


def whole(document: Mapping[str, Any]) -> dict[str, Any]:
    """A stored document with the fields that came after it."""
    try:
        return policy_document(policy_entry(dict(document)))
    except Invalid:  # of an older version's rules
        return dict(document)


def _located(problems: list[Problem], text: str) -> tuple[Fault, ...]:
    root = _composed(text)
    return tuple(
        Fault(one.path, one.message, one.suggestion, _line(root, one.path, one.message)) for one in problems
    )


def _composed(text: str) -> yaml.Node | None:
    if len(text) > MOST_CHARS:
        return None
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return None
    return node


def _line(node: yaml.Node | None, path: str, message: str) -> int | None:
    """The one that the message names, else of the deepest part of the path that the text has."""
    named = _LINE.search(message)
    if named or node is None or not path:
        return int(named[1]) if named else None
    line = None
    for number, name in _PARTS.findall(path):
        found = _step(node, number, name)
        if found is None:
            break
        key, node = found
        line = key.start_mark.line + 1
    return line


def _step(node: yaml.Node, number: str, name: str) -> tuple[yaml.Node, yaml.Node] | None:
    if number and isinstance(node, yaml.SequenceNode) and int(number) < len(node.value):
        item = node.value[int(number)]
        return item, item
    if name and isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == name), None)
    return None
