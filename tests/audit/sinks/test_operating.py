"""`manage.py sinks`, and the pages: how far behind, what was refused, sending it again."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client

from audit.sinks.models import SinkChange, SinkDeadLetter
from orbit.lib import access
from tests.audit.sinks.conftest import Feeds
from tests.audit.sinks.harness import eventually, process, pumping
from tests.audit.sinks.harnesses import LinesHarness, WebhookHarness
from tests.audit.sinks.test_conformance import arrived, calls_of, caught_up, check, lag_of
from tests.console.conftest import make_person, signed_in


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("sinks", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def hook(tmp_path: Path) -> Any:
    made = WebhookHarness(tmp_path)
    made.up()
    yield made
    made.down()


@pytest.fixture
def operator() -> Client:
    person = make_person(is_staff=True, is_superuser=True)
    return signed_in(person)


def refused_one(hook: WebhookHarness, feeds: Feeds, entry: dict[str, Any]) -> str:
    with pumping((hook, entry)):
        feeds.send(5)
        (poison,) = feeds.send(1, model="poison")
        eventually(caught_up(entry["name"]), "it went on")
    return str(poison["event_id"])


def test_check_tells_every_fault_and_what_is_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sinks.yaml"
    monkeypatch.setattr(settings, "ORBIT_SINKS", "")
    with pytest.raises(CommandError, match="ORBIT_SINKS: is not set") as raised:
        run("check")
    assert raised.value.returncode == 2
    monkeypatch.setattr(settings, "ORBIT_SINKS", str(path))
    for text, words in (
        (None, "cannot be read"),
        ("a: [", "YAML"),
        ("version: 1\nversion: 1\nsinks: []", "twice"),
        ("version: 1\nsinks: [{name: a, kind: lines, path: x}]", r"sinks\[0\].path"),
        (
            "version: 1\nsinks: [{name: a, kind: webhook, url: 'https://h.example.com', secrets: ['env://ORBIT_X']}]",
            "belongs to the gateway",
        ),
    ):
        if text is not None:
            path.write_text(text)
        with pytest.raises(CommandError, match=words) as raised:
            run("check")
        assert raised.value.returncode == 2
    path.write_text(
        "version: 1\nsinks: [{name: a, kind: webhook, url: 'https://h.example.com', secrets: ['env://HOOK_X']}]"
    )
    assert "a: webhook, good" in run("check")
    with pytest.raises(CommandError, match="HOOK_X cannot be read"):
        run("check", "--secrets")
    monkeypatch.setenv("HOOK_X", "whsec_" + "A" * 44)
    assert "1 sinks" in run("check", "--secrets")


def test_status_tells_how_far_behind_and_why(hook: WebhookHarness, feeds: Feeds) -> None:
    entry = hook.entry(organizations=feeds.slugs)
    hook.down()
    with pumping((hook, entry)):
        feeds.send(7)
        eventually(lambda: lag_of(entry["name"]).failures > 0, "it was tried")
        (found,) = [
            one for one in json.loads(run("status", "--json"))["sinks"] if one["name"] == entry["name"]
        ]
        told = run("status")
    assert (found["state"], found["kind"], found["events"]) == ("failing", "webhook", 7)
    assert "refused" in found["last_error"]
    assert found["failing_since"].endswith("Z")
    assert entry["name"] in told
    assert found["last_error"] in told


def test_a_refused_event_is_listed_and_sent_again_when_asked(hook: WebhookHarness, feeds: Feeds) -> None:
    entry = hook.entry(organizations=feeds.slugs)
    poison = refused_one(hook, feeds, entry)
    (letter,) = map(json.loads, run("letters", entry["name"]).splitlines())
    assert (letter["event_id"], letter["reason"]) == (poison, "answered 400")
    run("replay", entry["name"], "--event", poison)
    with pumping((hook, entry)):
        eventually(
            lambda: json.loads(run("letters", entry["name"]))["asked_again"] is False, "it was refused again"
        )
        assert lag_of(entry["name"]).dead_letters == 1
        hook.mode("take_poison")
        run("replay", entry["name"], "--all")
        eventually(lambda: lag_of(entry["name"]).dead_letters == 0, "it was taken")
    assert check(hook, feeds, in_order=False) == 0
    assert run("letters", entry["name"]) == ""
    with access.operator():
        acts = SinkChange.objects.filter(sink=entry["name"], action="replay").order_by("pk")
        assert [act.after and act.after["events"] for act in acts] == [[poison], "all"]


def test_replay_refuses_what_is_not_there(hook: WebhookHarness, feeds: Feeds) -> None:
    entry = hook.entry(organizations=feeds.slugs)
    poison = refused_one(hook, feeds, entry)
    with pytest.raises(CommandError, match="NAME: there is no sink"):
        run("replay", "nobody", "--all")
    with pytest.raises(CommandError, match=r"EVENT: .* is no dead letter"):
        run("replay", entry["name"], "--event", feeds.ids[0])
    with access.operator():
        assert not SinkDeadLetter.objects.filter(event_id=poison, replay_asked_at__isnull=False).exists()


@pytest.mark.full
def test_the_file_is_read_anew_and_a_faulty_one_changes_nothing(feeds: Feeds, tmp_path: Path) -> None:
    lines = LinesHarness(tmp_path)
    lines.up()
    entry = lines.entry(organizations=feeds.slugs)
    log, path = tmp_path / "sinks.log", tmp_path / "sinks.yaml"
    with process(tmp_path, lines, entry) as running:
        eventually(lambda: f"sink {entry['name']}: add" in log.read_text(), "it began")
        feeds.send(3)
        eventually(arrived(lines, feeds), "they arrived")
        path.write_text("version: 1\nsinks: [{kind: nothing}]")
        eventually(lambda: "the sinks go on as before" in log.read_text(), "it was told")
        feeds.send(3)
        eventually(arrived(lines, feeds), "they arrived all the same")
        path.write_text(json.dumps({"version": 1, "sinks": [{**entry, "path": str(lines.place / "other")}]}))
        eventually(lambda: f"sink {entry['name']}: change" in log.read_text(), "it was read")
        feeds.send(3)
        eventually((lines.place / "other").exists, "they go elsewhere")
        eventually(caught_up(entry["name"]), "they are there")
        running.terminate()
        assert running.wait(20) == 0
    assert len(calls_of(lines)) == 6
    with access.operator():
        (change,) = SinkChange.objects.filter(sink=entry["name"], action="change")
    assert change.before
    assert change.after
    assert (change.before["path"], change.after["path"]) == (entry["path"], str(lines.place / "other"))


def test_pages_show_sinks_letters_and_changes(hook: WebhookHarness, feeds: Feeds, operator: Client) -> None:
    entry = hook.entry(organizations=feeds.slugs)
    poison = refused_one(hook, feeds, entry)
    page = operator.get("/admin/audit/sink/", {"q": entry["name"]}).content.decode()
    assert entry["name"] in page
    assert "running" in page
    assert poison in operator.get("/admin/audit/sinkdeadletter/", {"q": poison}).content.decode()
    with access.operator():
        change = SinkChange.objects.get(sink=entry["name"])
    assert "HOOK_NEW" in operator.get(f"/admin/audit/sinkchange/{change.pk}/change/").content.decode()
    assert operator.get("/admin/audit/sink/add/").status_code == 403
