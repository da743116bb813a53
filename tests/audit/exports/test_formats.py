"""Each format holds the same events, as an independent reader finds them."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import UTC, datetime
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from audit.exports import columns, thrift
from audit.exports.columns import COLUMNS, Kind
from audit.exports.formats import FORMATS

CALL: dict[str, Any] = {
    "v": 1,
    "event_id": "018f0000-0000-7000-8000-000000000001",
    "kind": "call",
    "seq": 7,
    "admitted_at": "2026-11-23T01:02:03.000004Z",
    "stream": False,
    "input_tokens": -12,
    "model": "größe ✓",
    "tags": {"team": "a=b"},
    "attempts": [{"account": "main", "http_status": 200}],
    "later_field": "=1+1",
    "hash": "f" * 64,
}
ACT: dict[str, Any] = {
    "v": 1,
    "event_id": "018f0000-0000-7000-8000-000000000002",
    "kind": "act",
    "seq": 8,
    "actor": "=cmd|' /C calc'!A0",
    "action": "key.issue",
    "target": "+49",
    "before": None,
    "after": {"name": "-1"},
    "since": "not a time",
}
DROPPED: dict[str, Any] = {
    "event_id": "x",
    "seq": 9,
    "hash": "a" * 64,
    "prev_hash": "b" * 64,
    "dropped": True,
}


def made(ending: str, *groups: list[dict[str, Any]]) -> bytes:
    form = FORMATS[ending]
    parts = [form.rows(group) for group in groups]
    return b"".join([form.begin(), *(content for content, _ in parts), form.end(told for _, told in parts)])


def table(*groups: list[dict[str, Any]]) -> Any:
    return pyarrow.parquet.ParquetFile(io.BytesIO(made("parquet", *groups)))


def test_lines_of_json_are_the_events_themselves() -> None:
    lines = made("jsonl", [CALL], [ACT, DROPPED]).decode().splitlines()
    assert [json.loads(line) for line in lines] == [CALL, ACT, DROPPED]


def test_csv_has_a_column_for_each_field_and_no_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(made("csv", [CALL], [ACT, DROPPED]).decode())))
    call, act, dropped = rows
    assert list(call) == [column.name for column in COLUMNS]
    assert call["admitted_at"] == CALL["admitted_at"]
    assert (call["stream"], call["input_tokens"], call["model"]) == ("false", "-12", "größe ✓")
    assert json.loads(call["tags"]) == CALL["tags"]
    assert json.loads(call["other"]) == {"later_field": "=1+1"}
    assert (act["actor"], act["target"]) == ("'" + ACT["actor"], "'+49")
    assert act["since"] == ""
    assert json.loads(act["other"]) == {"since": "not a time"}
    assert dropped["dropped"] == "true"


def test_no_text_in_a_csv_begins_a_formula() -> None:
    texts = {column.name: "=1+1" for column in COLUMNS if column.kind is Kind.TEXT}
    (row,) = csv.DictReader(io.StringIO(made("csv", [texts]).decode()))
    assert {name for name, cell in row.items() if cell.startswith("=")} == set()
    assert len(texts) > 30


def test_parquet_is_read_by_its_reference_implementation() -> None:
    file = table([CALL], [ACT, DROPPED])
    assert file.metadata.num_row_groups == 2
    call, act, dropped = file.read().to_pylist()
    assert call["admitted_at"] == datetime(2026, 11, 23, 1, 2, 3, 4, tzinfo=UTC)
    assert (call["seq"], call["stream"], call["input_tokens"]) == (7, False, -12)
    assert (call["model"], json.loads(call["attempts"])) == ("größe ✓", CALL["attempts"])
    assert (act["actor"], act["stream"], act["admitted_at"]) == (ACT["actor"], None, None)
    assert (dropped["dropped"], dropped["kind"]) == (True, None)
    types = {field.name: str(field.type) for field in file.schema_arrow}
    assert types["recorded_at"] == "timestamp[us, tz=UTC]"
    assert (types["cost_nano"], types["stream"], types["kind"]) == ("int64", "bool", "string")


@pytest.mark.parametrize("count", [1, 7, 8, 9, 64, 1000, 5000])
def test_parquet_keeps_which_rows_have_a_value(count: int) -> None:
    events = [
        {"seq": number, **({"stream": number % 5 == 0, "model": f"m{number}"} if number % 3 else {})}
        for number in range(count)
    ]
    rows = table(events).read().select(["seq", "stream", "model"]).to_pylist()
    assert rows == [{"stream": None, "model": None} | event for event in events]


def test_parquet_of_many_groups_and_of_none() -> None:
    file = table(*([{"seq": number}] for number in range(40)))
    assert file.read()["seq"].to_pylist() == list(range(40))
    assert table().read().num_rows == 0


@pytest.mark.parametrize("value", [2**63, 1.5, True, "7", math.pi])
def test_what_does_not_fit_its_column_is_kept_beside_it(value: Any) -> None:
    row = dict(zip([one.name for one in COLUMNS], columns.cells({"count": value}), strict=True))
    assert row["count"] is None
    assert json.loads(row["other"]) == {"count": value}


def test_integers_are_written_as_thrift_has_them() -> None:
    assert thrift.varint(300) == b"\xac\x02"
    assert thrift.struct({1: -1, 3: thrift.Long(150)}) == b"\x15\x01\x26\xac\x02\x00"
