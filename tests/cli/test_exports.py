"""Files of the ledger from the command line, made by a worker and fetched by their link."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from audit.tasks import write_ledger
from orbit.cli.commands import figures
from orbit.cli.failures import Exit, Failure
from tenants import services
from tenants.models import Organization
from tests.cli.conftest import Orbit


@pytest.fixture
def made(orbit: Orbit, organization: Organization) -> str:
    write_ledger()
    asked = orbit("exports", "create", "--kind", "act", "--json").json
    found: str = asked["id"]
    return found


def work(organization: Organization, export: str) -> None:
    while services.advance_export(organization_id=organization.pk, export_id=UUID(export)):
        pass


def test_a_file_is_asked_for_fetched_and_deleted(
    orbit: Orbit, organization: Organization, made: str, tmp_path: Path
) -> None:
    early = orbit("exports", "download", made)
    assert (early.code, "Add --wait" in early.err) == (Exit.FAILED, True)
    work(organization, made)
    assert made in orbit("exports", "list").out
    target = tmp_path / "acts.jsonl.gz"
    told = orbit("exports", "download", made, "--output", str(target), "--json").json
    lines = [json.loads(line) for line in gzip.decompress(target.read_bytes()).splitlines()]
    assert (told["events"], {line["kind"] for line in lines}) == (len(lines), {"act"})
    assert list(tmp_path.iterdir()) == [target]
    again = orbit("exports", "download", made, "--output", str(target))
    assert (again.code, "there already" in again.err) == (Exit.BAD_INPUT, True)
    assert "/exports/" in orbit("exports", "link", made, "--minutes", "5", "--json").json["url"]
    assert orbit("exports", "delete", made, "--yes").code == Exit.DONE
    assert orbit("exports", "show", made).code == Exit.NOT_FOUND


def test_what_broke_off_leaves_nothing(
    orbit: Orbit, organization: Organization, made: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(organization, made)
    monkeypatch.setattr(Path, "open", _full)
    refused = orbit("exports", "download", made, "--output", str(tmp_path / "x"))
    assert (refused.code, "cannot be written" in refused.err) == (Exit.BAD_INPUT, True)
    assert list(tmp_path.iterdir()) == []


def _full(*_: Any, **__: Any) -> Any:
    raise OSError(28, "No space left on device")


class Away:
    """A gateway that is away between two answers."""

    def __init__(self) -> None:
        self.answers: list[Any] = [[{"seq": 1}], None, None, [{"seq": 2}]]
        self.asked: list[Any] = []

    def ask(self, method: str, path: str, *, query: dict[str, Any]) -> Any:
        self.asked.append(query.get("cursor"))
        found = self.answers.pop(0)
        if found is None:
            raise Failure("no answer", code=Exit.UNREACHABLE)
        content = {"data": found, "next_cursor": f"c{found[-1]['seq']}"}
        return type("Answer", (), {"content": content})


def test_following_goes_on_where_it_was_when_the_gateway_comes_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from orbit.cli.output import Output

    monkeypatch.setattr(figures, "POLL_S", 0)
    away = Away()
    session: Any = type("Session", (), {"client": away, "output": Output(False)})()
    coming = figures._coming(session, "events", {}, None, 0)
    assert [next(coming)["seq"], next(coming)["seq"]] == [1, 2]
    assert away.asked == [None, "c1", "c1", "c1"]
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert "nothing is left out" in said[1]
