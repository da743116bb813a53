"""apply and export from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tenants.models import Organization
from tests.cli.conftest import Orbit


@pytest.fixture
def file(tmp_path: Path, organization: Organization) -> str:
    keys = [{"name": "main"}]
    entry = {"slug": organization.slug, "projects": [{"slug": "bot", "name": "Bot", "keys": keys}]}
    path = tmp_path / "orbit.yaml"
    path.write_text(yaml.safe_dump({"version": 1, "organizations": [entry]}))
    return str(path)


def test_file_is_applied_once_and_shown_before(orbit: Orbit, file: str) -> None:
    planned = orbit("apply", "-f", file, "--dry-run")
    assert ("+ project" in planned.out, "Dry run" in planned.out) == (True, True)
    assert orbit("projects", "list").err == "none\n"
    done = orbit("apply", "-f", file, "--reason", "begin", "--json").json
    assert [(one["project"], one["name"]) for one in done["keys"]] == [("bot", "main")]
    assert orbit("apply", "-f", file).out == "Nothing to change.\n"


def test_operator_applies_to_all_that_the_file_names(operator: Orbit, file: str) -> None:
    assert "New keys." in operator("apply", "-f", file).out


def test_prune_asks(orbit: Orbit, file: str) -> None:
    orbit("apply", "-f", file)
    orbit("projects", "save", "old", "--name", "Old")
    assert orbit("apply", "-f", file, "--prune").code == 2
    assert "- project" in orbit("apply", "-f", file, "--prune", "--dry-run").out
    assert "- project" in orbit("apply", "-f", file, "--prune", "--yes").out


def test_export_can_be_applied(orbit: Orbit, file: str, tmp_path: Path) -> None:
    orbit("apply", "-f", file)
    exported = tmp_path / "exported.yaml"
    exported.write_text(orbit("export").out)
    assert orbit("apply", "-f", str(exported)).out == "Nothing to change.\n"
    assert orbit("export", "--json").json["version"] == 1


def test_mistake_is_told_by_its_path_and_changes_nothing(orbit: Orbit, file: str) -> None:
    path = Path(file)
    path.write_text(path.read_text().replace("slug: bot", "slug: Bot!"))
    said = orbit("apply", "-f", file)
    assert (said.code, "projects[0].slug: " in said.err) == (2, True)
    assert orbit("projects", "list").err == "none\n"
