"""docker-compose.yml as Compose reads it where nothing is set outside: each variable has its default."""

from __future__ import annotations

import re
from typing import Any

import yaml

from orbit.launcher.state import PROJECT

_VARIABLE = re.compile(r"\$\$|\$\{\w+(?::-(?P<default>[^}]*)|:\?[^}]*)\}")


def compose() -> dict[str, Any]:
    # after YAML is read, as Compose does it: an empty value is an empty text then, and nothing is null
    loaded: dict[str, Any] = _filled(yaml.safe_load((PROJECT / "docker-compose.yml").read_text()))
    return loaded


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _filled(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one) for one in value]
    if isinstance(value, str):
        assert "$" not in _VARIABLE.sub("", value), f"a variable with neither a default nor a word: {value}"
        return _VARIABLE.sub(lambda found: "$" if found[0] == "$$" else found["default"] or "", value)
    return value
