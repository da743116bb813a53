"""New rows as COPY's text format has them, made of what was written for their hashes: nothing is written twice."""

from __future__ import annotations

import json
from operator import itemgetter
from typing import Any

import orjson

from audit import events
from audit.events import COLUMNS, Row

STORED = (*COLUMNS, "retention")
DETAIL = STORED.index("detail")
TOLD = tuple((STORED.index(name), name) for name in sorted(events.UUIDS | events.TIMES))
_stored = itemgetter(*STORED)
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def line(row: Row, told: dict[str, Any], written: bytes) -> str:
    """A row that is exported as `told`, whose canonical form is `written`."""
    values: list[Any] = list(_stored(row))
    for at, name in TOLD:
        if values[at] is not None:
            values[at] = told[name]
    values[DETAIL] = None
    if b"\\" in written:  # JSON escapes whatever COPY wants escaped; so nothing of most rows does
        values = [value.translate(_ESCAPES) if type(value) is str else value for value in values]
    values[DETAIL] = _json(row["detail"]).replace("\\", "\\\\")
    made = ["\\N" if value is None else value if type(value) is str else str(value) for value in values]
    return "\t".join(made) + "\n"


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # nests deeper than it goes, or has larger integers
        return json.dumps(value)
