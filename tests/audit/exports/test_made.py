"""Files of the ledger: made piece by piece, whole whatever happens in between, fetched by a link, gone in time."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow.parquet
import pytest
from django.core import signing
from django.core.management import CommandError, call_command
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from audit.checkpoints.signer import sign
from audit.exports import making
from audit.exports.models import Export, ExportPart
from audit.exports.selection import Selection
from audit.standalone import verify_ledger
from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import services
from tests.audit.conftest import Feed


@pytest.fixture
def filled(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> Feed:
    """Its founding and 25 calls; pieces of ten."""
    monkeypatch.setattr(making, "PIECE", 10)
    for _ in range(25):
        feed.send(feed.call())
    feed.write()
    return feed


def ask(feed: Feed, form: str = "jsonl", **asked: Any) -> Export:
    return services.request_export(
        organization_id=feed.id, actor="ada", form=form, selection=Selection(**asked)
    )


def advance(feed: Feed, export: Export) -> bool:
    return services.advance_export(organization_id=feed.id, export_id=export.pk)


def finish(feed: Feed, export: Export) -> Export:
    while advance(feed, export):
        pass
    return now(feed, export)


def now(feed: Feed, export: Export) -> Export:
    with access.scope(organization_id=feed.id):
        return Export.objects.get(pk=export.pk)


def content(feed: Feed, export: Export) -> bytes:
    with access.scope(organization_id=feed.id):
        return b"".join(making.pieces(export))


def lines(feed: Feed, export: Export) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(content(feed, export)).splitlines()]


def acts(feed: Feed) -> list[tuple[str, dict[str, Any]]]:
    feed.write()
    found = [one.detail for one in feed.rows() if one.kind == "act"]
    return [
        (one["action"], one.get("after") or one["before"])
        for one in found
        if one["action"].startswith("export.")
    ]


def test_a_file_holds_what_the_command_exports(filled: Feed) -> None:
    export = finish(filled, ask(filled))
    said = io.StringIO()
    call_command("ledger", "export", organization=filled.organization.slug, stdout=said)
    commanded = [json.loads(line) for line in said.getvalue().splitlines()]
    assert lines(filled, export) == commanded[: export.events]
    assert (export.state, export.events, export.last) == ("done", 26, 26)
    assert export.parts == 3


def test_what_comes_after_the_beginning_is_not_in_it(filled: Feed) -> None:
    export = ask(filled)
    assert advance(filled, export)
    filled.send(filled.call())
    filled.write()
    assert finish(filled, export).events == 26


def test_every_step_is_an_act_that_names_the_file_by_its_digest(filled: Feed) -> None:
    export = finish(filled, ask(filled, kind="call"))
    link = services.link_export(organization_id=filled.id, export_id=export.pk, actor="ada", minutes=5)
    assert link is not None
    services.follow_link(link.token, address="192.0.2.7")
    services.delete_export(organization_id=filled.id, export_id=export.pk, actor="ada")
    told = acts(filled)
    assert [action for action, _ in told] == [
        f"export.{one}" for one in ("request", "make", "link", "download", "delete")
    ]
    assert all(values["kind"] == "call" for action, values in told if action != "export.link")
    assert told[1][1]["sha256"] == told[3][1]["sha256"] == export.sha256 != ""
    assert told[1][1]["events"] == 25
    assert told[3][1]["client_ip"] == "192.0.2.7"


def test_a_worker_that_dies_leaves_what_the_next_goes_on_from(
    filled: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = ask(filled, "parquet")
    assert advance(filled, export)
    with monkeypatch.context() as patch:
        patch.setattr(making, "_save", _die)
        with pytest.raises(KeyboardInterrupt):
            advance(filled, export)
    table = pyarrow.parquet.read_table(io.BytesIO(content(filled, finish(filled, export))))
    assert table["seq"].to_pylist() == list(range(1, 27))


def _die(export: Export) -> None:
    raise KeyboardInterrupt


def test_two_workers_at_one_file_do_not_meet(filled: Feed) -> None:
    export = ask(filled)
    with access.scope(organization_id=filled.id):
        Export.objects.select_for_update().get(pk=export.pk)
        # the other worker has a connection of its own
        code = (
            "import django; django.setup(); from uuid import UUID; from tenants import services;"
            f"print(services.advance_export(organization_id=UUID('{filled.id}'), export_id=UUID('{export.pk}')))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("False", "")
    assert finish(filled, export).events == 26


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({"kind": "act"}, 1),
        ({"kind": "call"}, 25),
        ({"actor": "test"}, 1),
        ({"action": "organization.create", "target": "t-"}, 1),
        ({"target": "chatbot"}, 0),
        ({"since": datetime(2099, 1, 1, tzinfo=UTC)}, 0),
        ({"until": datetime(2099, 1, 1, tzinfo=UTC)}, 26),
    ],
)
@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_filters_are_those_of_the_list(filled: Feed, form: str, asked: dict[str, Any], count: int) -> None:
    export = finish(filled, ask(filled, form, **asked))
    assert (export.state, export.events) == ("done", count)
    if form == "jsonl":
        assert len(lines(filled, export) if export.parts else []) == count
    else:
        assert pyarrow.parquet.read_table(io.BytesIO(content(filled, export))).num_rows == count


def test_one_call_by_its_id(filled: Feed) -> None:
    one = next(row for row in filled.rows() if row.kind == "call")
    export = finish(filled, ask(filled, request_id=one.pk))
    assert [line["event_id"] for line in lines(filled, export)] == [str(one.pk)]


def test_a_provable_file_satisfies_the_stand_alone_verifier(filled: Feed, tmp_path: Path) -> None:
    sign()
    filled.send(filled.call())
    filled.write()
    moment = filled.rows()[4].admitted_at
    export = finish(
        filled, ask(filled, since=moment, until=moment + timedelta(microseconds=1), provable=True)
    )
    assert export.events >= 26
    (tmp_path / "events.jsonl").write_bytes(gzip.decompress(content(filled, export)))
    with (tmp_path / "checkpoints.jsonl").open("w") as file:
        call_command("audit", "checkpoints", organization=filled.organization.slug, stdout=file)
    key = io.StringIO()
    call_command("audit", "public-key", stdout=key)
    verify = [sys.executable, "-I", str(verify_ledger.__file__), "--partial"]
    given = [f"--{one}={tmp_path / one}.jsonl" for one in ("events", "checkpoints")]
    done = subprocess.run(
        [*verify, *given, f"--public-key={key.getvalue().strip()}"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_file_that_grows_too_large_says_what_to_do(filled: Feed, settings: Settings) -> None:
    settings.ORBIT_EXPORT_MAX_BYTES = 100
    export = finish(filled, ask(filled))
    assert (export.state, export.size) == ("failed", 0)
    assert "shorter time" in export.problem
    with access.scope(organization_id=filled.id):
        assert not ExportPart.objects.filter(export=export).exists()


def test_so_many_at_once(filled: Feed) -> None:
    made = [ask(filled) for _ in range(3)]
    with pytest.raises(InputError, match="3 files are being made already"):
        ask(filled)
    services.delete_export(organization_id=filled.id, export_id=made[0].pk, actor="ada")
    ask(filled)


def test_who_works_at_a_deleted_one_stops(filled: Feed) -> None:
    export = ask(filled)
    assert advance(filled, export)
    assert services.delete_export(organization_id=filled.id, export_id=export.pk, actor="ada")
    assert not advance(filled, export)
    assert not services.delete_export(organization_id=filled.id, export_id=export.pk, actor="ada")


def test_deletion_looks_for_pieces_when_nobody_can_add_one_any_more(filled: Feed) -> None:
    export = ask(filled)
    assert advance(filled, export)
    with CaptureQueriesContext(connections["default"]) as captured:
        services.delete_export(organization_id=filled.id, export_id=export.pk, actor="ada")
    said = [one["sql"] for one in captured.captured_queries]
    locked = next(at for at, sql in enumerate(said) if '"audit_export"' in sql and "FOR UPDATE" in sql)
    looked = next(at for at, sql in enumerate(said) if '"audit_exportpart"' in sql)
    assert locked < looked


def age(feed: Feed, export: Export, **fields: Any) -> None:
    with access.scope(organization_id=feed.id):
        Export.objects.filter(pk=export.pk).update(**fields)


def test_files_whose_time_is_over_are_deleted_and_lost_ones_sent_again(
    filled: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, lost, given_up = finish(filled, ask(filled)), ask(filled), ask(filled)
    past = timezone.now() - timedelta(days=2)
    age(filled, old, expires_at=past)
    age(filled, lost, told_at=past)
    age(filled, given_up, told_at=past, created_at=past)
    sent: list[UUID] = []
    monkeypatch.setattr(
        services.ledger_exports, "send_export", lambda *, organization_id, export_id: sent.append(export_id)
    )
    services.tend_exports()
    with access.scope(organization_id=filled.id):
        assert set(Export.objects.values_list("pk", flat=True)) == {lost.pk, given_up.pk}
        assert not ExportPart.objects.filter(export_id=old.pk).exists()
    assert lost.pk in sent
    assert given_up.pk not in sent
    assert "within a day" in now(filled, given_up).problem
    assert "export.expire" in [action for action, _ in acts(filled)]


def link_of(feed: Feed, export: Export, minutes: int = 5) -> services.Link:
    link = services.link_export(organization_id=feed.id, export_id=export.pk, actor="ada", minutes=minutes)
    assert link is not None
    return link


def test_a_link_ends_with_its_time_or_its_file(filled: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    export = finish(filled, ask(filled))
    link = link_of(filled, export)
    found, name = services.follow_link(link.token)
    assert found.pk == export.pk
    assert name.startswith(f"{filled.organization.slug}-events-")
    assert name.endswith(".jsonl.gz")
    with monkeypatch.context() as patch:
        patch.setattr(timezone, "now", lambda: datetime.now(UTC) + timedelta(minutes=6))
        with pytest.raises(services.Over):
            services.follow_link(link.token)
    services.delete_export(organization_id=filled.id, export_id=export.pk, actor="ada")
    with pytest.raises(services.Over):
        services.follow_link(link.token)


def test_a_link_cannot_be_widened(filled: Feed) -> None:
    token = link_of(filled, finish(filled, ask(filled))).token
    payload, stamp, signature = token.split(":")
    claims = signing.loads(token, salt=services.ledger_exports._SALT)
    wider = signing.dumps(claims | {"u": 2**33}, key="another", salt=services.ledger_exports._SALT)
    other_use = signing.dumps(claims)  # signed by us, but as something else
    for forged in (
        f"{wider.split(':')[0]}:{stamp}:{signature}",
        f"{payload}:{stamp}:{signature[:-1]}",
        f"{payload[:-2]}AA:{stamp}:{signature}",
        wider,
        other_use,
        "",
    ):
        with pytest.raises(signing.BadSignature):
            services.follow_link(forged)


def test_no_link_to_what_is_not_made_or_is_somebody_elses(filled: Feed) -> None:
    export = ask(filled)
    with pytest.raises(InputError, match="not made yet"):
        link_of(filled, export)
    with pytest.raises(InputError, match="minutes"):
        link_of(filled, export, minutes=24 * 60 + 1)
    other = services.create_organization(slug=f"{filled.organization.slug}-b", actor="test")
    assert (
        services.link_export(organization_id=other.pk, export_id=finish(filled, export).pk, actor="eve")
        is None
    )


def test_the_link_of_a_deleted_organization_is_over(filled: Feed) -> None:
    link = link_of(filled, finish(filled, ask(filled)))
    services.delete_organization(organization_id=filled.id, actor="test")
    with pytest.raises(services.Over):
        services.follow_link(link.token)


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_the_command_writes_every_format_into_a_new_file(filled: Feed, form: str, tmp_path: Path) -> None:
    target = tmp_path / f"events.{form}"
    given: dict[str, Any] = {"organization": filled.organization.slug, "format": form, "output": str(target)}
    call_command("ledger", "export", **given)
    if form == "parquet":
        assert pyarrow.parquet.read_table(target)["seq"].to_pylist() == list(range(1, 27))
    else:
        assert len(target.read_text().splitlines()) == 26 + (form == "csv")
    with pytest.raises(CommandError, match="cannot be made"):
        call_command("ledger", "export", **given)
