"""Checkpoints: signed, chained, written outside the database whole or not at all, and caught up with."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, transaction
from pytest_django import Settings

from audit.checkpoints import copies, document, files, keys, signer
from audit.checkpoints.files import Directory
from audit.checkpoints.narrow import narrow
from audit.models import Checkpoint as Copy
from audit.models import CheckpointHead
from audit.standalone.verify_ledger import CheckpointReader, Trail, leaf_of, root_by_path, root_of
from audit.tasks import sign_checkpoint
from orbit.celery import app
from orbit.lib import access
from tests.audit.conftest import Feed


def trail(only: str, public: str = "") -> Trail:
    return CheckpointReader([public or keys.public_of(keys.load())], only).read(Directory().lines())


def head(feed: Feed) -> dict[str, Any]:
    found = Directory().state(Directory().last())[str(feed.id)]
    return dict(found)


def test_a_checkpoint_says_how_far_each_organization_has_come(feed: Feed) -> None:
    for _ in range(3):
        feed.send(feed.call())
    feed.write()
    made, more = signer.sign()
    assert made is not None
    assert not more
    last = feed.exported()[-1]
    found = head(feed)
    assert (found["seq"], found["hash"], found["event_id"], found["count"]) == (
        4,
        last["hash"],
        last["event_id"],
        4,
    )
    assert (found["before"], found["breaks"]) == (0, 0)
    assert Directory().last() == made
    said = trail(str(feed.id))
    assert said.findings == []
    assert [(one.seq, one.hash) for one in said.heads[str(feed.id)]] == [(4, last["hash"])]


def test_without_news_nothing_is_signed(feed: Feed) -> None:
    assert signer.sign()[0] is not None
    again, more = (
        signer.sign()
    )  # other tests leave chains that do not go on, of which each checkpoint says so
    assert again is None or str(feed.id) not in {head["organization_id"] for head in again.heads}
    assert not more


def test_each_names_the_one_before(feed: Feed) -> None:
    first, _ = signer.sign()
    feed.send(feed.call())
    feed.write()
    second, _ = signer.sign()
    assert first is not None
    assert second is not None
    assert (second.number, second.body["previous"]) == (first.number + 1, first.hash)
    assert head(feed)["before"] == first.number


def test_task_runs_every_five_minutes_and_catches_up(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit into one checkpoint comes in the next, in the same run."""
    (entry,) = [one for one in app.conf.beat_schedule.values() if one["task"] == sign_checkpoint.name]
    assert entry["schedule"] == 300.0
    signer.sign()
    for _ in range(5):
        feed.send(feed.call())
    feed.write()
    monkeypatch.setattr(signer, "MOST", 2)
    assert sign_checkpoint() >= 3
    heads = trail(str(feed.id)).heads[str(feed.id)]
    assert [(one.seq, one.count) for one in heads] == [(1, 1), (3, 2), (5, 2), (6, 1)]


def test_event_that_nests_deep_is_signed_like_any_other(feed: Feed) -> None:
    deep: Any = 1
    for _ in range(300):  # more than orjson writes
        deep = [deep]
    feed.send(feed.call(detail={"usage": deep}))
    feed.write()
    assert [row.kind for row in feed.rows()] == ["act", "call"]
    signer.sign()
    assert head(feed)["seq"] == 2
    assert head(feed)["breaks"] == 0


def test_copies_show_each_head_with_its_way_to_the_root(feed: Feed) -> None:
    made, _ = signer.sign()
    assert made is not None
    with access.operator():
        copy = Copy.objects.get(pk=made.number)
        kept = CheckpointHead.objects.get(organization_id=feed.id, number=made.number)
    assert json.loads(copy.body) == made.body
    way = root_by_path(
        leaf_of(json.loads(kept.head)), kept.proof["index"], made.body["organizations"], kept.proof["path"]
    )
    assert way.hex() == made.body["root"]


@pytest.mark.parametrize("cut", [1, 5, 400])
def test_half_a_line_is_cut_off_and_written_again(feed: Feed, cut: int) -> None:
    """The process died while it wrote: the copy in the database was not committed either."""
    signer.sign()
    feed.send(feed.call())
    feed.write()
    directory = Directory()
    before = directory.last()
    assert before is not None
    state = directory.state(before)
    half = document.signed(keys.load(), before=before, at=before.body["at"], heads=[], state=state).line()[
        :-cut
    ]
    with directory.files()[-1].open("ab") as file:
        file.write(half)
    made, _ = signer.sign()
    assert made is not None
    assert made.number == before.number + 1
    assert all(json.loads(line) for line in directory.lines())
    assert trail(str(feed.id)).findings == []


def test_crash_between_file_and_database_is_made_good(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    signer.sign()
    feed.send(feed.call())
    feed.write()

    def die(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(copies, "insert", die)
        with pytest.raises(RuntimeError, match="killed"):
            signer.sign()
    written = Directory().last()
    assert written is not None
    with access.operator():
        assert not Copy.objects.filter(pk=written.number).exists()
    again, _ = signer.sign()  # other tests leave chains that do not go on, of which each checkpoint says so
    assert again is None or str(feed.id) not in {head["organization_id"] for head in again.heads}  # not twice
    with access.operator():
        assert Copy.objects.get(pk=written.number).hash == written.hash
        assert CheckpointHead.objects.filter(organization_id=feed.id, number=written.number).exists()


def test_checkpoint_is_on_the_disk_before_the_database_has_it(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer.sign()
    feed.send(feed.call())
    feed.write()
    done: list[str] = []
    path = Directory().files()[-1]
    insert, sync = copies.insert, os.fsync

    def synced(descriptor: int) -> None:
        if os.fstat(descriptor).st_ino == path.stat().st_ino:
            done.append("synced")
        sync(descriptor)

    def inserted(*given: Any) -> None:
        done.append("inserted")
        insert(*given)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(copies, "insert", inserted)
    signer.sign()
    assert done == ["synced", "inserted"]


def test_lost_files_are_written_again_from_what_is_signed(feed: Feed, tmp_path: Path) -> None:
    made, _ = signer.sign()
    directory = Directory()
    kept = b"".join(directory.lines())
    for path in directory.files():
        path.rename(tmp_path / path.name)
    (directory.path / files.STATE).unlink()
    signer.sign()  # other tests leave chains that do not go on, of which each checkpoint says so again
    assert b"".join(directory.lines()).startswith(kept)
    assert made in list(directory.checkpoints())


def test_checkpoint_that_somebody_put_into_the_database_is_not_taken(feed: Feed) -> None:
    made, _ = signer.sign()
    assert made is not None
    forged = document.signed(
        Ed25519PrivateKey.generate(), before=made, at=made.body["at"], heads=[], state=Directory().state(made)
    )
    with access.ledger():
        Copy.objects.create(
            number=forged.number, at="2026-11-30T00:00:00Z", hash=forged.hash,
            body=json.dumps(forged.body), signature=forged.signature,
        )  # fmt: skip
        assert copies.in_step(Directory(), made) == made
        transaction.set_rollback(True, using="ledger")


def test_second_signer_waits_outside(feed: Feed) -> None:
    with transaction.atomic(using="operator"), connections["operator"].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [signer.LOCK])
        assert signer.sign() == (None, False)


def test_key_is_made_once_and_nobody_else_can_read_it(tmp_path: Path, settings: Settings) -> None:
    settings.ORBIT_CHECKPOINT_KEY = tmp_path / "keys" / "key.pem"
    key = keys.load()
    assert keys.public_of(keys.load()) == keys.public_of(key)
    assert stat.S_IMODE(keys.path().stat().st_mode) == 0o600
    assert [one.name for one in (tmp_path / "keys").iterdir()] == ["key.pem"]
    keys.path().chmod(0o640)
    with pytest.raises(ImproperlyConfigured, match="chmod 600"):
        keys.load()
    keys.path().chmod(0o600)
    keys.path().write_text("no key")
    with pytest.raises(ImproperlyConfigured, match="no Ed25519 key"):
        keys.load()


def test_who_trusts_the_first_key_or_the_last_follows_a_rotation(feed: Feed) -> None:
    signer.sign()
    first = keys.public_of(keys.load())
    second = signer.rotate()
    feed.send(feed.call())
    feed.write()
    made, _ = signer.sign()
    assert made is not None
    assert (first != second, made.body["key"]) == (True, second)
    assert keys.public_of(keys.load()) == second
    assert not keys.next_path().exists()
    assert trail(str(feed.id), first).findings == []
    assert trail(str(feed.id), second).findings == []
    other = keys.public_of(Ed25519PrivateKey.generate())
    assert [one.code for one in trail(str(feed.id), other).findings] == ["checkpoint_key"]


def test_rotation_that_died_after_its_handover_is_finished(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer.sign()

    def die(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(keys, "handed_over", die)
        with pytest.raises(RuntimeError, match="killed"):
            signer.rotate()
    waiting = keys.next_path()
    assert waiting.exists()
    feed.send(feed.call())
    feed.write()
    made, _ = signer.sign()
    assert made is not None
    assert made.body["key"] == keys.public_of(keys.load())
    assert not waiting.exists()
    assert trail(str(feed.id)).findings == []


@pytest.mark.parametrize("size", range(1, 18))
def test_every_leaf_of_a_tree_leads_to_its_root_and_no_other_does(size: int) -> None:
    state = {f"{at:02}": {"organization_id": f"{at:02}"} for at in range(size)}
    root = root_of(document.leaves(state))
    ways = document.paths(state, list(state))
    for one, way in ways.items():
        assert root_by_path(leaf_of(state[one]), way["index"], size, way["path"]) == root
        assert root_by_path(leaf_of({"organization_id": "x"}), way["index"], size, way["path"]) != root
        assert root_by_path(leaf_of(state[one]), way["index"] + size, size, way["path"]) == b""
        assert root_by_path(leaf_of(state[one]), way["index"], size, [*way["path"], "00" * 32]) != root


def test_auditor_of_one_organization_sees_no_other(feed: Feed) -> None:
    signer.sign()
    feed.send(feed.call())
    feed.write()
    signer.sign()
    lines = [json.dumps(line) for line in narrow(Directory(), str(feed.id))]
    others = set(Directory().state(Directory().last())) - {str(feed.id)}
    assert not [one for one in others if one in "".join(lines)]
    said = CheckpointReader([keys.public_of(keys.load())], str(feed.id)).read(lines)
    assert said.findings == []
    assert [one.seq for one in said.heads[str(feed.id)]] == [1, 2]


def test_no_head_can_be_left_out_of_what_the_auditor_gets(feed: Feed) -> None:
    for _ in range(3):
        feed.send(feed.call())
        feed.write()
        signer.sign()
    lines = list(narrow(Directory(), str(feed.id)))
    shown = [at for at, line in enumerate(lines) if line["heads"]]
    assert len(shown) == 3
    for at in shown:
        left = [{**line, "heads": [], "proofs": []} if n == at else line for n, line in enumerate(lines)]
        said = CheckpointReader([keys.public_of(keys.load())], str(feed.id)).read(map(json.dumps, left))
        assert {one.code for one in said.findings} == {"checkpoint_withheld"}, at


def test_what_does_not_go_on_from_what_was_signed_is_signed_with_a_mark(
    feed: Feed, caplog: pytest.LogCaptureFixture
) -> None:
    """An older state was put back: the signer goes on, but says so for ever."""
    for _ in range(2):
        feed.send(feed.call())
    feed.write()
    signer.sign()
    before = head(feed)
    state = Directory().state(Directory().last())
    older = {**before, "seq": 5, "hash": "f" * 64}
    Directory().remember(Directory().last(), {**state, str(feed.id): older})  # type: ignore[arg-type]
    made, _ = signer.sign()
    assert made is not None
    (found,) = (one for one in made.heads if one["organization_id"] == str(feed.id))
    assert (found["seq"], found["breaks"]) == (3, 1)
    assert "does not go on" in caplog.text
