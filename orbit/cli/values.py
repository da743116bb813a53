"""From the text of an option to what the API takes."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from orbit.cli.failures import Failure

Reads = Callable[[str], Any]
MOST_BYTES = 4_000_000  # as the API
_SPAN = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def text(given: str) -> str:
    return given


def whole(given: str) -> int:
    if not given.removeprefix("-").isdecimal():
        raise Failure(f"{given!r} is no whole number")
    return int(given)


def words(given: str) -> list[str]:
    """A comma list."""
    return [word.strip() for word in given.split(",") if word.strip()]


def yes_or_no(given: str) -> bool:
    if given not in ("yes", "no"):
        raise Failure(f"{given!r} is neither yes nor no")
    return given == "yes"


def ahead(given: str) -> str:
    """A moment as it is, or a span such as `90d` from now on."""
    return _moment(given, 1)


def ago(given: str) -> str:
    """A moment as it is, or a span such as `30d` that is over."""
    return _moment(given, -1)


def day_ago(given: str) -> str:
    """A day as it is, or the day (UTC) on which a span such as `30d` began."""
    span = _SPAN.fullmatch(given)
    return _moment(given, -1)[:10] if span else given


def or_none(reads: Reads) -> Reads:
    """Nothing between the quotes takes the value away."""
    return lambda given: None if given == "" else reads(given)


def document(given: str) -> Any:
    """The content of a file in YAML or JSON; `-` reads standard input."""
    raw = content_of(given)
    try:
        return json.loads(raw) if raw.lstrip().startswith("{") else yaml.load(raw, _Strict)  # noqa: S506  # a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise Failure(
            f"{given} is not readable as YAML or JSON{where}", getattr(error, "problem", None) or ""
        ) from None


def as_yaml(content: Any) -> str:
    """As `document` reads it again."""
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)).rstrip()


def content_of(name: str) -> str:
    try:
        if name == "-":
            raw = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Failure(f"{name} cannot be read: {error.strerror}") from None
    if len(raw) > MOST_BYTES:
        raise Failure(f"{name} is larger than {MOST_BYTES} bytes", "Split it by organization.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Failure(f"{name} is not UTF-8") from None


def _moment(given: str, direction: int) -> str:
    span = _SPAN.fullmatch(given)
    if span is None:
        return given  # the API reads it, and says by its field what is wrong with it
    moment = datetime.now(UTC) + direction * timedelta(**{_UNITS[span[2]]: int(span[1])})
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


class _Strict(yaml.SafeLoader):
    """PyYAML lets the last of two equal names win without a word; and makes dates of what JSON has no word for."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value in seen:
                name = getattr(key, "value", "")
                raise yaml.MarkedYAMLError(problem=f"{name} appears twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Strict.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
