"""The operator's file: every fault is told by its path, with what to do, and without a secret."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from audit.sinks.file import Faulty, parse
from audit.sinks.registry import KINDS

GOOD: dict[str, Any] = {"name": "a", "kind": "lines", "path": "/var/log/a"}


def document(*entries: Any) -> dict[str, Any]:
    return {"version": 1, "sinks": list(entries)}


def test_a_good_file_is_read_in_its_order() -> None:
    found = parse(document(GOOD, {**GOOD, "name": "b", "path": "-", "from": "2026-11-01"}))
    assert [one.name for one in found] == ["a", "b"]
    assert (found[0].start, found[1].start) == ("now", datetime(2026, 11, 1, tzinfo=UTC))
    assert parse(document()) == ()


@pytest.mark.parametrize(
    ("broken", "path", "remedy"),
    [
        ([], "version", "version: 1"),
        ({"version": 2, "sinks": []}, "version", "version: 1"),
        ({"version": 1}, "sinks", "sinks: []"),
        ({"version": 1, "sinks": [], "sink": []}, "sink", "version and sinks"),
        (document("x"), "sinks[0].kind", "lines"),
        (document({"name": "a", "kind": "kafak"}), "sinks[0].kind", "kafka?"),
        (document({"name": "a", "kind": "webhok"}), "sinks[0].kind", "webhook?"),
        (document(GOOD, {**GOOD, "name": "B"}), "sinks[1].name", ""),
        (document({**GOOD, "pth": "x"}), "sinks[0].pth", "path?"),
        (document({"name": "a", "kind": "lines"}), "sinks[0].path", "Add path"),
        (document({**GOOD, "path": "log"}), "sinks[0].path", "/var/log"),
        (document({**GOOD, "from": "yesterday"}), "sinks[0].from", "2026-11-01"),
        (document({**GOOD, "kinds": ["cal"]}), "sinks[0].kinds[0]", ""),
        (document({**GOOD, "statuses": []}), "sinks[0].statuses", ""),
        (document({**GOOD, "projects": ["app"]}), "sinks[0].projects", "organization/project"),
        (document({**GOOD, "redact": {"seq": "drop"}}), "sinks[0].redact", "Leave it out"),
        (document({**GOOD, "redact": {"end_usr": "drop"}}), "sinks[0].redact", "events.md"),
        (document({**GOOD, "redact": {"end_user": "hash"}}), "sinks[0].redact.end_user", ""),
        (document({**GOOD, "redact": {"end_user": "digest"}}), "sinks[0]", "digest_key: env://"),
        (document({**GOOD, "digest_key": "s3cr3t-value"}), "sinks[0].digest_key", "env://NAME"),
        (document({**GOOD, "batch": {"events": 0}}), "sinks[0].batch.events", ""),
        (document({**GOOD, "timeout_s": 1000}), "sinks[0].timeout_s", ""),
        (document(GOOD, {**GOOD, "path": "/b"}), "sinks", "name of its own"),
        (document(GOOD, {**GOOD, "name": "b"}), "sinks", "file of its own"),
        (document(GOOD, {**GOOD, "name": "b", "path": "/b", "renamed_from": "a"}), "sinks", "renamed_from"),
        (document({"name": "a", "kind": "forward", "host": "h", "username": "u"}), "sinks[0]", "both or none"),
        (document({"name": "a", "kind": "forward", "host": "h", "plaintext": True, "tls": {"ca_file": "x"}}), "sinks[0]", "one of them"),
    ],
)  # fmt: skip
def test_a_fault_is_told_by_its_path_with_what_to_do(broken: Any, path: str, remedy: str) -> None:
    with pytest.raises(Faulty) as raised:
        parse(broken)
    fault = raised.value.faults[0]
    assert fault.path == path
    assert remedy in fault.suggestion
    assert fault.suggestion
    assert "s3cr3t" not in str(raised.value)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(Faulty) as raised:
        parse(document({**GOOD, "pth": 1, "timeout_s": 0}, {"kind": "x"}))
    assert [fault.path for fault in raised.value.faults] == [
        "sinks[0].timeout_s",
        "sinks[0].pth",
        "sinks[1].kind",
    ]


def test_everything_that_may_be_secret_is_a_reference() -> None:
    public = {"key_file", "digest_key"}  # a path; a field of all kinds, and a reference
    for kind, made in KINDS.items():
        for name, annotation in made.config.__annotations__.items():
            if (
                any(word in name for word in ("secret", "password", "key", "headers", "token"))
                and name not in public
            ):
                assert "Reference" in str(annotation), (kind, name)
