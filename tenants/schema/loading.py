"""Text to plain values: YAML or JSON, strictly. Duplicate names and endless aliases are refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NoReturn

import yaml

from tenants.schema.problems import Invalid, Problem, path_of

MAX_BYTES = 10_000_000
_MAX_DEPTH = 32
_MAX_VALUES = 1_000_000
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")

Location = tuple[int | str, ...]


def read(name: str) -> bytes:
    """A file, `-` for standard input. One byte more than is allowed, so that `load` sees that the file is too large."""
    if name == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        with Path(name).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Invalid([Problem("", f"{name} cannot be read: {error.strerror}")]) from None


def load(data: bytes) -> Any:
    """Mappings, lists and scalars of a file; Invalid when it cannot be read without guessing."""
    if len(data) > MAX_BYTES:
        raise Invalid([Problem("", f"the file is larger than {MAX_BYTES} bytes", "split it by organization")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid([Problem("", "the file is not UTF-8")]) from None
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
        except Invalid:
            raise
        except (ValueError, RecursionError):
            pass  # YAML's flow style begins alike
    return _yaml(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise Invalid([Problem(name, "appears twice in one mapping", "leave one of them out")])
        made[name] = value
    return made


def _constant(text: str) -> NoReturn:
    raise Invalid([Problem("", f"{text} is no number")])


def _yaml(text: str) -> Any:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        return None if node is None else _Builder(loader).build(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise Invalid([Problem("", f"not readable as YAML{where}: {error.problem}")]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, Invalid):
            raise
        raise Invalid([Problem("", "not readable as YAML")]) from None
    finally:
        loader.dispose()


class _Builder:
    """Nodes to values by hand, since PyYAML lets the last of two equal names win without a word."""

    def __init__(self, loader: yaml.SafeLoader) -> None:
        self._loader = loader
        self._values = 0

    def build(self, node: yaml.Node, at: Location) -> Any:
        self._values += 1
        if len(at) > _MAX_DEPTH or self._values > _MAX_VALUES:
            raise Invalid([Problem(path_of(at[:4]), "is nested too deeply or too large")])
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _COLLECTIONS:
            raise Invalid([Problem(path_of(at), f"not readable as YAML: unknown tag {node.tag}")])
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, at)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*at, number)) for number, item in enumerate(node.value)]
        return self._loader.construct_object(node)

    def _mapping(self, node: yaml.MappingNode, at: Location) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise Invalid(
                    [Problem(path_of(at), f"has a name that is no text in line {key.start_mark.line + 1}")]
                )
            name = str(key.value)
            if name in made:
                line = key.start_mark.line + 1
                raise Invalid(
                    [Problem(path_of((*at, name)), f"appears twice, again in line {line}", "leave one out")]
                )
            made[name] = self.build(value, (*at, name))
        return made
