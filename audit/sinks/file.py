"""The operator's file that names the sinks, from plain values to configurations. What is wrong is told by path."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from audit.sinks.config import SinkConfig
from audit.sinks.registry import KINDS
from orbit.lib.errors import InputError

_WORDS = {
    "missing": "is missing",
    "string_type": "must be text",
    "extra_forbidden": "is no setting of this kind of sink",
}


class Faulty(ValueError):
    """The file cannot be used; `faults` say why, each with its path."""

    def __init__(self, faults: Iterable[InputError]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def parse(document: Any) -> tuple[SinkConfig, ...]:
    """`{version: 1, sinks: [...]}` as configurations, in their order; Faulty when anything is wrong with it."""
    if not isinstance(document, Mapping) or document.get("version") != 1:
        raise Faulty([InputError("version", "must be 1", "Begin the file with `version: 1`.")])
    strange = [
        InputError(str(name), "is unknown", "A file has version and sinks.")
        for name in document
        if name not in ("version", "sinks")
    ]
    entries = document.get("sinks")
    if not isinstance(entries, list):
        raise Faulty([*strange, InputError("sinks", "must be a list", "Write `sinks: []` for none.")])
    faults, found = strange, []
    for number, entry in enumerate(entries):
        try:
            found.append(_one(entry, f"sinks[{number}]"))
        except Faulty as error:
            faults += error.faults
    faults += _clashes(found)
    if faults:
        raise Faulty(faults)
    return tuple(found)


def _one(entry: Any, path: str) -> SinkConfig:
    kind = entry.get("kind") if isinstance(entry, Mapping) else None
    if not isinstance(kind, str) or kind not in KINDS:
        close = difflib.get_close_matches(str(kind), KINDS, n=1)
        hint = f"Did you mean {close[0]}?" if close else f"Write one of {', '.join(KINDS)}."
        raise Faulty([InputError(f"{path}.kind", "names no kind of sink", hint)])
    try:
        return KINDS[kind].config.model_validate(entry)
    except ValidationError as error:
        raise Faulty(_faults(error, path, KINDS[kind].config)) from None


def _faults(error: ValidationError, path: str, model: type[SinkConfig]) -> Iterable[InputError]:
    for detail in error.errors(include_url=False, include_input=False):
        where = path + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"])
        known = [field.alias or name for name, field in model.model_fields.items()]
        message, _, remedy = detail["msg"].removeprefix("Value error, ").partition("; ")
        message = _WORDS.get(detail["type"], message)
        if detail["type"] == "extra_forbidden" and len(detail["loc"]) == 1:
            close = difflib.get_close_matches(str(detail["loc"][-1]), known, n=1)
            remedy = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(sorted(known))}."
        elif detail["type"] == "missing":
            remedy = f"Add {detail['loc'][-1]}."
        yield InputError(
            where, message, remedy[:1].upper() + remedy[1:] or "docs/sinks.md lists every setting."
        )


def _clashes(found: list[SinkConfig]) -> list[InputError]:
    """Two sinks of one name would share a cursor; two on one file would tear each other's lines."""
    faults, names, places = [], set[str](), set[str]()
    for config in found:
        if config.name in names:
            faults.append(
                InputError("sinks", f"{config.name!r} is there twice", "Give each sink a name of its own.")
            )
        names.add(config.name)
        path = getattr(config, "path", None)
        if path is not None and path in places:
            faults.append(InputError("sinks", f"two sinks write to {path!r}", "Give each a file of its own."))
        places.add(path or "")
    renamed = [config.renamed_from for config in found if config.renamed_from]
    faults += [
        InputError(
            "sinks", f"{name!r} is renamed, and there as well", "Leave out renamed_from, or the old entry."
        )
        for name in renamed
        if name in names
    ]
    faults += [
        InputError("sinks", f"{name!r} is renamed to two sinks", "Leave one renamed_from out.")
        for name in sorted(set(renamed))
        if renamed.count(name) > 1
    ]
    return faults
