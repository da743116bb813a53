"""Eight ways of tampering, done as the database's superuser who makes all hashes anew: both verifiers find each, in words."""

from __future__ import annotations

import io
import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command

from audit.checkpoints import document, keys, signer
from audit.checkpoints.document import Checkpoint
from audit.checkpoints.files import Directory
from orbit.launcher.state import PROJECT
from orbit.lib.ids import uuid7
from tests.audit.conftest import Feed
from tests.audit.tampering import Row, another, calls, exchange, put_back, rewrite, signed, superuser

STANDALONE = PROJECT / "audit/standalone/verify_ledger.py"


@dataclass(frozen=True)
class Said:
    code: int
    told: dict[str, Any]

    @property
    def codes(self) -> list[str]:
        return [one["code"] for one in self.told["findings"]]

    @property
    def words(self) -> str:
        return " ".join(one["words"] for one in self.told["findings"])


def inside(feed: Feed, directory: Path | None = None) -> Said:
    """`manage.py audit verify`."""
    out = io.StringIO()
    arguments = ["--checkpoints", str(directory)] if directory else []
    code = 0
    try:
        call_command(
            "audit", "verify", "--organization", feed.organization.slug, "--json", *arguments, stdout=out
        )
    except CommandError as error:
        code = error.returncode
    return Said(code, json.loads(out.getvalue()))


def auditor(
    feed: Feed, tmp_path: Path, *arguments: str, directory: Path | None = None, **export: str
) -> Said:
    """What somebody with an export, the checkpoints and the public key sees: one file, nothing of ours, no package."""
    empty = tmp_path / secrets.token_hex(4)
    empty.mkdir()
    shutil.copy(STANDALONE, empty)
    (empty / "events.jsonl").write_text(command("ledger", "export", *_options(feed, export)))
    lines = b"".join(Directory(directory).lines()) if directory else narrowed(feed)
    (empty / "checkpoints.jsonl").write_bytes(lines)
    return run_in(empty, *arguments)


def narrowed(feed: Feed) -> bytes:
    return command("audit", "checkpoints", "--organization", feed.organization.slug).encode()


def run_in(empty: Path, *arguments: str, python: tuple[str, ...] = ("-I",)) -> Said:
    done = subprocess.run(
        [
            sys.executable, *python, "verify_ledger.py", "--events", "events.jsonl", "--checkpoints",
            "checkpoints.jsonl", "--public-key", keys.public_of(keys.load()), "--json", *arguments,
        ],
        cwd=empty, capture_output=True, text=True, env={},
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return Said(done.returncode, json.loads(done.stdout))


def _options(feed: Feed, more: dict[str, str]) -> list[str]:
    given = {"organization": feed.organization.slug, **more}
    words = [(f"--{name.replace('_', '-')}", value.strip()) for name, value in given.items()]
    return [word for pair in words for word in pair if word]


def command(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def three(feed: Feed) -> Feed:
    """Three checkpoints: the act and two calls, three calls, three calls. Sequences 1 to 3, 4 to 6, 7 to 9."""
    signed(feed, 2, 3, 3)
    return feed


def test_untouched_ledger_holds(three: Feed, tmp_path: Path) -> None:
    for said in (inside(three), auditor(three, tmp_path)):
        assert (said.code, said.codes) == (0, [])
    # With nothing but Python: no packages at all, so by the file's own arithmetic.
    (empty,) = tmp_path.iterdir()
    told = run_in(empty, python=("-I", "-S")).told
    assert (told["ok"], told["findings"]) == (True, [])
    assert (told["events"], told["first"], told["last"], told["signed_until"]) == (9, 1, 9, 9)


def _edit(rows: list[Row]) -> list[Row]:
    rows[4]["cost_nano"] = 1
    return rows


def _delete(rows: list[Row]) -> list[Row]:
    return rows[:4] + rows[5:]


def _insert(rows: list[Row]) -> list[Row]:
    forged = {**rows[4], "event_id": uuid7(), "shard_seq": rows[4]["shard_seq"] + 10**9}
    return [*rows[:4], forged, *rows[4:]]


def _reorder(rows: list[Row]) -> list[Row]:
    return [*rows[:3], rows[4], rows[3], *rows[5:]]


def _truncate(rows: list[Row]) -> list[Row]:
    return rows[:7]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (_edit, "edited", "Between sequence 4 and 6 an event was edited, after checkpoint"),
        (_delete, "deleted", "Between sequence 4 and 6 an event was removed"),
        (_insert, "inserted", "Between sequence 4 and 6 an event was inserted"),
        (_reorder, "reordered", "Between sequence 4 and 6 events were reordered"),
        (_truncate, "truncated", "Sequences 8 to 9 are missing at the end"),
    ],
)
def test_change_is_found_and_named(
    change: Callable[[list[Row]], list[Row]], code: str, words: str, three: Feed, tmp_path: Path
) -> None:
    rewrite(three, change)
    for said in (inside(three), auditor(three, tmp_path)):
        assert (said.code, said.codes[0]) == (1, code)
        assert words in said.words


def test_swap_between_tenants_is_found_and_named(three: Feed, tmp_path: Path) -> None:
    other = another()
    signed(other, 8)
    exchange(three, other, 5)
    for feed, stretch in ((three, "sequence 4 and 6"), (other, "sequence 1 and 9")):
        for said in (inside(feed), auditor(feed, tmp_path)):
            assert said.code == 1
            assert said.codes[0] == "replaced"
            assert f"Between {stretch} other events stand where signed ones stood" in said.words
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("audit", "verify", "--json", stdout=out)  # of all organizations it can say with whom
    words = " ".join(one["words"] for one in json.loads(out.getvalue())["findings"])
    assert f"exchanged with those of {other.organization.slug}." in words
    assert f"exchanged with those of {three.organization.slug}." in words


@pytest.mark.full
def test_event_moved_from_another_tenant_as_it_is_is_found(three: Feed, tmp_path: Path) -> None:
    """As it is, its hashes included: the export shows whose it was."""
    foreign = command("ledger", "export", "--organization", three.organization.slug).splitlines()
    empty = tmp_path / "moved"
    empty.mkdir()
    shutil.copy(STANDALONE, empty)
    moved = json.loads(foreign[4])
    moved["organization_id"] = str(uuid7())
    foreign[4] = json.dumps(moved)
    (empty / "events.jsonl").write_text("\n".join(foreign))
    (empty / "checkpoints.jsonl").write_bytes(narrowed(three))
    said = run_in(empty)
    assert said.codes[0] == "foreign"
    assert "Sequence 5 is of organization" in said.words


def test_older_backup_is_found(three: Feed, tmp_path: Path) -> None:
    """Rows, chain heads and the database's own copies of checkpoints are all as they once were."""
    last = Directory().last()
    assert last is not None
    put_back(three, 6, last.number - 1)
    said = inside(three)
    assert (said.code, said.codes) == (1, ["truncated", "database_behind"])
    assert "an older state of it was put back" in said.words
    said = auditor(three, tmp_path)
    assert (said.code, said.codes) == (1, ["truncated"])
    assert "Sequences 7 to 9 are missing at the end" in said.words
    assert "or an older state was put back" in said.words


def test_older_backup_is_found_after_the_gateway_went_on(three: Feed, tmp_path: Path) -> None:
    last = Directory().last()
    assert last is not None
    put_back(three, 6, last.number - 1)
    signed(three, 4)
    for said in (inside(three), auditor(three, tmp_path)):
        assert said.code == 1
        assert said.codes[:2] == ["rolled_back", "replaced"]
        assert (
            f"no longer went on from what checkpoint {last.number} had signed (up to sequence 9)"
            in said.words
        )


# A change of the checkpoints themselves


def _copied(tmp_path: Path, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Path:
    """The checkpoints' directory with the last three lines changed."""
    where = tmp_path / "checkpoints"
    where.mkdir()
    (path,) = Directory().files()
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    changed = lines[:-3] + change(lines[-3:])
    (where / path.name).write_text("".join(json.dumps(line) + "\n" for line in changed))
    return where


def _other_hash(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    lines[1]["heads"][0]["hash"] = "0" * 64
    return lines


def _other_body(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    lines[1]["body"]["at"] = lines[0]["body"]["at"]
    return lines


def _left_out(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [lines[0], lines[2]]


def _turned(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [lines[0], lines[2], lines[1]]


def _own_key(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last one signed anew, with a key of one's own."""
    before = Checkpoint(**lines[1])
    state = Directory().state(Directory().last())
    made = document.signed(
        Ed25519PrivateKey.generate(),
        before=before,
        at=lines[2]["body"]["at"],
        heads=lines[2]["heads"],
        state=state,
    )
    return [*lines[:2], json.loads(made.line())]


def _no_json(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [lines[0], {"body": {}}, lines[2]]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (_other_hash, "checkpoint_heads", "what it lists of the organizations is not what was signed"),
        (_other_body, "checkpoint_changed", "was changed: it is not what was signed"),
        (_left_out, "checkpoint_order", "some in between are missing"),
        (_turned, "checkpoint_order", "some in between are missing"),
        (_own_key, "checkpoint_key", "it is somebody else's"),
        (_no_json, "checkpoint_unreadable", "is no checkpoint"),
    ],
)
def test_changed_checkpoint_is_found_and_named(
    change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]],
    code: str,
    words: str,
    three: Feed,
    tmp_path: Path,
) -> None:
    where = _copied(tmp_path, change)
    for said in (inside(three, where), auditor(three, tmp_path, directory=where)):
        assert said.code == 1
        assert code in said.codes
        assert words in said.words


def test_checkpoints_cut_at_the_end_are_found(three: Feed, tmp_path: Path) -> None:
    """With the ledger cut to what is left: the database's copies know more; an auditor knows what was seen before."""
    last = Directory().last()
    assert last is not None
    where = _copied(tmp_path, lambda lines: lines[:-1])
    said = inside(three, where)
    assert said.codes == ["files_behind"]
    assert auditor(three, tmp_path, directory=where).code == 0
    said = auditor(three, tmp_path, "--seen", f"{last.number}:{last.hash}", directory=where)
    assert said.codes == ["checkpoint_lost"]
    assert auditor(three, tmp_path, "--seen", f"{last.number}:{last.hash}").code == 0


def test_changed_copy_in_the_database_is_found(three: Feed) -> None:
    last = Directory().last()
    assert last is not None
    with superuser() as connection:
        connection.execute("UPDATE audit_checkpoint SET hash = %s WHERE number = %s", ["0" * 64, last.number])
    said = inside(three)
    with superuser() as connection:
        connection.execute(
            "UPDATE audit_checkpoint SET hash = %s WHERE number = %s", [last.hash, last.number]
        )
    assert said.codes == ["copy_changed"]


# Where hashes were not made anew, the verifier names the sequence itself


@pytest.mark.full
@pytest.mark.parametrize(
    ("statement", "seq", "words"),
    [
        ("UPDATE audit_event SET cost_nano = 1 WHERE seq = 5", 5, "Sequence 5 was changed"),
        ("DELETE FROM audit_event WHERE seq = 5", 5, "Sequence 5 is missing: deleted"),
        ("UPDATE audit_event SET prev_hash = repeat('0', 64) WHERE seq = 5", 5, "Sequence 5 does not follow"),
    ],
)
def test_first_bad_sequence_is_named(
    statement: str, seq: int, words: str, three: Feed, tmp_path: Path
) -> None:
    with superuser() as connection:
        connection.execute(f"{statement} AND organization_id = %s".encode(), [three.id])
    for said in (inside(three), auditor(three, tmp_path)):
        assert said.code == 1
        assert said.told["findings"][0]["seq"] == seq
        assert words in said.words


# What is not found, and is said


def test_what_came_after_the_last_checkpoint_can_be_rewritten_unseen_and_both_say_so(
    three: Feed, tmp_path: Path
) -> None:
    """The exposure: five minutes at the most. After the next checkpoint it is over."""
    calls(three, 2)

    def edit(rows: list[Row]) -> list[Row]:
        rows[9]["cost_nano"] = 1
        return rows

    rewrite(three, edit)
    told = inside(three).told
    assert (told["ok"], told["organizations"][three.organization.slug]["unsigned"]) == (True, 2)
    said = auditor(three, tmp_path)
    assert (said.code, said.told["unsigned"]) == (0, 2)
    assert "2 events after sequence 9 are chained but not yet signed" in " ".join(said.told["remarks"])
    assert "rewrite them unseen" in " ".join(said.told["remarks"])
    signer.sign()
    rewrite(three, lambda rows: [*rows[:9], {**rows[9], "cost_nano": 2}, *rows[10:]])
    for said in (inside(three), auditor(three, tmp_path)):
        assert said.codes == ["edited"]


# Exports of a part


def test_part_of_a_ledger_is_verified_between_its_checkpoints(three: Feed, tmp_path: Path) -> None:
    said = auditor(three, tmp_path, "--partial", from_seq="4", to_seq="6")
    assert (said.code, said.told["first"], said.told["last"], said.told["signed_until"]) == (0, 4, 6, 6)
    said = auditor(three, tmp_path, from_seq="4", to_seq="6")
    assert said.codes == ["missing", "truncated"]
    assert "Sequences 1 to 3 are missing" in said.words
    rewrite(three, _edit)
    said = auditor(three, tmp_path, "--partial", from_seq="4", to_seq="6")
    assert said.codes == ["edited"]


def test_provable_export_reaches_from_checkpoint_to_checkpoint(three: Feed, tmp_path: Path) -> None:
    """A time in the middle is widened until both ends are signed."""
    fifth = three.exported()[4]
    empty = command(
        "ledger", "export", "--organization", three.organization.slug, "--provable",
        "--since", fifth["admitted_at"], "--until", three.exported()[5]["admitted_at"],
    )  # fmt: skip
    assert [json.loads(line)["seq"] for line in empty.splitlines()] == [4, 5, 6]
    whole = command("ledger", "export", "--organization", three.organization.slug, "--provable")
    assert len(whole.splitlines()) == 9


@pytest.mark.full
def test_export_without_what_is_between_does_not_pass(three: Feed, tmp_path: Path) -> None:
    said = auditor(three, tmp_path, "--partial", kind="call")
    assert said.code == 0  # the act is first: what is left has no gap
    calls(three, 1)
    empty = tmp_path / "gap"
    empty.mkdir()
    shutil.copy(STANDALONE, empty)
    lines = command("ledger", "export", "--organization", three.organization.slug).splitlines()
    (empty / "events.jsonl").write_text("\n".join(lines[:4] + lines[6:]))
    (empty / "checkpoints.jsonl").write_bytes(narrowed(three))
    said = run_in(empty, "--partial")
    assert said.codes[0] == "missing"
    assert "Sequences 5 to 6 are missing" in said.words


# What retention dropped

SKELETONS = """CREATE TABLE IF NOT EXISTS audit_skeleton (event_id uuid PRIMARY KEY, organization_id uuid NOT NULL, seq bigint NOT NULL,
    kind varchar(10) NOT NULL, admitted_at timestamptz NOT NULL, prev_hash bytea NOT NULL, hash bytea NOT NULL, UNIQUE (organization_id, seq))"""
DROP = """INSERT INTO audit_skeleton (event_id, organization_id, seq, kind, admitted_at, prev_hash, hash)
    SELECT event_id, organization_id, seq, kind, admitted_at, decode(prev_hash, 'hex'), decode(hash, 'hex') FROM audit_event WHERE organization_id = %s AND seq <= 5"""


def test_chain_goes_over_what_retention_dropped(three: Feed, tmp_path: Path) -> None:
    """The skeleton of an event is its place. With a skeleton for a place that was another, the chain does not close."""
    with superuser() as connection:
        there = connection.execute("SELECT to_regclass('public.audit_skeleton')").fetchone() != (None,)
        connection.execute(SKELETONS.encode())
        connection.execute("GRANT SELECT ON audit_skeleton TO orbit_operator, orbit_ledger")
        connection.execute(DROP.encode(), [three.id])
        connection.execute("DELETE FROM audit_event WHERE organization_id = %s AND seq <= 5", [three.id])
    try:
        told = inside(three).told
        assert (told["ok"], told["organizations"][three.organization.slug]["dropped"]) == (True, 5)
        said = auditor(three, tmp_path, provable=" ")
        assert (said.code, said.told["dropped"], said.told["events"]) == (0, 5, 9)
        assert "5 events have no content any more" in " ".join(said.told["remarks"])
        with superuser() as connection:
            forged = "UPDATE audit_skeleton SET hash = decode(repeat('0', 64), 'hex') WHERE organization_id = %s AND seq = 4"
            connection.execute(forged.encode(), [three.id])
        for said in (inside(three), auditor(three, tmp_path, provable=" ")):
            assert said.codes[0] == "unlinked"
            assert "Sequence 5 does not follow" in said.words
    finally:
        with superuser() as connection:
            connection.execute(
                b"DELETE FROM audit_skeleton WHERE organization_id = %s"
                if there
                else b"DROP TABLE audit_skeleton",
                [three.id] if there else None,
            )
