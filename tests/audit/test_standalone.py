"""The verifier for auditors: one file, Python's own library, its arithmetic held against the standard's examples."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import chain
from audit.checkpoints import keys
from audit.standalone import verify_ledger
from audit.standalone.verify_ledger import Unreadable, canonical, public_key, verify_plainly
from orbit.launcher.state import PROJECT

FILE = PROJECT / "audit/standalone/verify_ledger.py"

# RFC 8032, 7.1: public key, message, signature
RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_arithmetic_is_that_of_the_standard(public: str, message: str, signature: str) -> None:
    key, text, signed = (bytes.fromhex(one) for one in (public, message, signature))
    assert verify_plainly(key, text, signed)
    assert not verify_plainly(key, text + b"x", signed)
    for at in range(64):
        assert not verify_plainly(key, text, signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :])
    assert not verify_plainly(bytes([key[0] ^ 1]) + key[1:], text, signed)


def test_arithmetic_agrees_with_the_library() -> None:
    for seed in range(20):
        key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        message = bytes(range(seed))
        assert verify_plainly(key.public_key().public_bytes_raw(), message, key.sign(message))


@pytest.mark.parametrize(
    ("public", "signature"),
    [
        (b"", b""),
        (b"\xff" * 32, b"\x00" * 64),
        (b"\x02" + b"\x00" * 31, b"\x00" * 64),  # no point of the curve
        (bytes.fromhex(RFC_8032[0][0]), bytes.fromhex(RFC_8032[0][2])[:32] + b"\xff" * 32),  # s is too large
    ],
)
def test_what_is_no_key_or_signature_is_none(public: bytes, signature: bytes) -> None:
    assert not verify_plainly(public, b"", signature)


def test_it_imports_pythons_own_library_alone() -> None:
    """And `cryptography` where there is one, for speed."""
    found = set()
    for node in ast.walk(ast.parse(FILE.read_text())):
        if isinstance(node, ast.Import):
            found |= {one.name.split(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add(str(node.module).split(".")[0])
    assert found - {"cryptography"} <= sys.stdlib_module_names | {"__future__"}


def test_it_writes_events_as_the_ledger_hashes_them() -> None:
    event = {"seq": 1, "b": "ä\u2028", "a": [1.5, 10**20, None, True], "hash": "x"}
    assert verify_ledger.link(event) == chain.link(event)
    assert canonical({"b": 1, "a": 2}) == b'{"a":2,"b":1}'


def test_events_from_before_and_after_a_field_was_added_verify_together(tmp_path: Path) -> None:
    old = {"uninspected": [{"direction": "request", "reason": "cap"}]}
    new = {"uninspected": [{"direction": "answer", "reason": "full", "what": "names"}]}
    lines, before = [], verify_ledger.START
    for seq, told in enumerate((old, new), start=1):
        event = {"dlp": told, "organization_id": "o", "prev_hash": before, "seq": seq}
        before = verify_ledger.link(event)
        assert before == chain.link(event)
        lines.append(json.dumps({**event, "hash": before}))
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(lines) + "\n")
    assert list(verify_ledger.verify(file, [], [])[1].findings) == []
    file.write_text("\n".join(lines).replace("full", "away") + "\n")
    assert list(verify_ledger.verify(file, [], [])[1].findings)


def test_line_is_judged_by_what_it_says_however_it_is_written() -> None:
    told = {"b": "ä", "a": {"n": 1}, "organization_id": "o", "prev_hash": "p", "seq": 1}
    event = {**told, "hash": verify_ledger.link(told)}
    sorted_, spaced = (
        json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
        json.dumps(event),
    )
    for line in (sorted_, spaced, sorted_ + "\n"):
        assert verify_ledger.entry_of(line, json.loads(line)).computed == event["hash"]
        changed = line.replace('"seq"', '"more":2,"seq"')
        assert verify_ledger.entry_of(changed, json.loads(changed)).computed != event["hash"]


@pytest.mark.parametrize(
    ("name", "with_more"),
    [
        ("seq", '"cost_nano":5,"seq"'),  # what the hash is of stands last, where most readers look
        ("seq", '"seq":1,"cost_nano":5,"seq"'),
        ("n", '"n":2,"n"'),
        ("hash", '"h\\u0061sh":"x","hash"'),
    ],
)
def test_line_that_can_be_read_in_two_ways_proves_nothing(tmp_path: Path, name: str, with_more: str) -> None:
    told = {"a": {"n": 1}, "cost_nano": 9, "organization_id": "o", "prev_hash": verify_ledger.START, "seq": 1}
    line = json.dumps({**told, "hash": verify_ledger.link(told)}, sort_keys=True, separators=(",", ":"))
    file = tmp_path / "events.jsonl"
    file.write_text(line + "\n")
    assert list(verify_ledger.verify(file, [], [])[1].findings) == []
    file.write_text(line.replace(f'"{name}"', with_more, 1) + "\n")
    with pytest.raises(Unreadable, match="line 1: a name stands twice"):
        verify_ledger.verify(file, [], [])


def test_checkpoint_that_can_be_read_in_two_ways_is_none() -> None:
    body = dict.fromkeys(("key", "root", "at", "previous"), "00") | {"number": 1, "organizations": 0}
    line = json.dumps({"body": body, "heads": [], "signature": "00" * 64})
    twice = line.replace('"number"', '"number": 2, "number"')

    def said(text: str | bytes) -> set[str]:
        return {one.code for one in verify_ledger.CheckpointReader(["00" * 32]).read([text]).findings}

    assert "checkpoint_unreadable" not in said(line)
    assert said(twice) == said(twice.encode()) == {"checkpoint_unreadable"}


@pytest.mark.parametrize("line", ["", "{} {}", "[1", '{"seq": 1} x', "\ufeff{}"])
def test_what_is_no_line_of_json_is_none(line: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of the JSON reader, whose words are not ours
        verify_ledger.read(line)


def test_content_is_judged_also_where_a_line_says_that_it_was_dropped() -> None:
    left = {
        "event_id": "e",
        "kind": "call",
        "organization_id": "o",
        "seq": 1,
        "admitted_at": "t",
        "dropped": True,
    }
    chained = {"prev_hash": verify_ledger.START, "hash": "f" * 64}
    for event, judged in ((left, False), ({**left, "cost_nano": 5}, True)):
        entry = verify_ledger.entry_of("", {**event, **chained})
        assert bool(entry.computed) == judged
    told = {**left, **chained, "cost_nano": 5}  # as an event may say it that has all of its content
    told["hash"] = verify_ledger.link(told)
    assert verify_ledger.entry_of("", told).computed == told["hash"]


def test_hash_put_in_elsewhere_proves_nothing() -> None:
    told = {"a": {"n": 1}, "organization_id": "o", "prev_hash": "p", "seq": 1}
    found = verify_ledger.link(told)
    for line in (
        f'{{"a":{{"hash":"{found}","n":1}},"h\\u0061sh":"{found}","organization_id":"o","prev_hash":"p","seq":1}}',
        f'{{"a":{{"hash":"{found}","n":1}},"hash":"{found}","organization_id":"o","prev_hash":"p","seq":1}}',
    ):
        assert verify_ledger.entry_of(line, json.loads(line)).computed != found


def test_key_may_be_digits_or_pem(tmp_path: Path) -> None:
    public = RFC_8032[0][0]
    assert public_key(f" {public.upper()}\n") == public
    (tmp_path / "key.pem").write_text(keys.pem(public))
    assert public_key(str(tmp_path / "key.pem")) == public
    for wrong in ("", "abc", "zz" * 32, public[:-2]):
        with pytest.raises(Unreadable):
            public_key(wrong)


@pytest.mark.parametrize(
    ("events", "key", "words"),
    [
        ("", RFC_8032[0][0], "holds no event"),
        ("{", RFC_8032[0][0], "line 1: no exported event"),
        (json.dumps({"seq": 1}), RFC_8032[0][0], "no exported event"),
        (json.dumps({"seq": 1}), "mine", "The public key is neither"),
    ],
)
def test_what_cannot_be_read_is_told_with_code_2(events: str, key: str, words: str, tmp_path: Path) -> None:
    shutil.copy(FILE, tmp_path)
    (tmp_path / "events.jsonl").write_text(events)
    (tmp_path / "checkpoints.jsonl").write_text("")
    arguments = ["--events", "events.jsonl", "--checkpoints", "checkpoints.jsonl", "--public-key", key]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "verify_ledger.py", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={},
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
