"""Each command of the table once, against a gateway."""

from __future__ import annotations

import secrets
import subprocess
import sys
from pathlib import Path

from orbit.launcher.state import PROJECT
from tenants.models import Organization
from tests.cli.conftest import Orbit, Said


def test_operator_makes_and_unmakes_an_organization(operator: Orbit) -> None:
    slug = f"t-{secrets.token_hex(6)}"
    made = operator("organizations", "create", "--slug", slug, "--name", "Acme", "--json").json
    assert (made["slug"], made["state"]) == (slug, "active")
    changed = operator("organizations", "change", slug, "--time-zone", "Europe/Berlin", "--json").json
    assert (changed["name"], changed["time_zone"]) == ("Acme", "Europe/Berlin")
    for word, state in (("suspend", "suspended"), ("resume", "active")):
        assert operator("organizations", word, slug, "--json").json["state"] == state
    assert operator("organizations", "delete", slug, "--yes").code == 0
    listed = operator("organizations", "list", "--state", "deleted", "--all", "--json").json
    assert slug in [one["slug"] for one in listed["data"]]
    assert operator("organizations", "restore", slug, "--json").json["state"] == "active"
    assert "Europe/Berlin" in operator("organizations", "show", slug).out


def test_suspension_says_why(operator: Orbit, organization: Organization) -> None:
    said = operator("organizations", "suspend", organization.slug, "--reason", "unpaid", "--json").json
    assert said["suspended_for"] == "unpaid"


def test_projects(orbit: Orbit) -> None:
    assert orbit("projects", "save", "bot", "--name", "Bot", "--json").json["slug"] == "bot"
    assert orbit("projects", "save", "bot", "--name", "Chat", "--json").json["name"] == "Chat"
    assert orbit("projects", "suspend", "bot", "--reason", "odd", "--json").json["suspended_for"] == "odd"
    assert orbit("projects", "resume", "bot", "--json").json["suspended_at"] is None
    assert orbit("projects", "show", "bot", "--json").json["archived_at"] is None
    assert orbit("projects", "archive", "bot", "--yes").code == 0
    assert orbit("projects", "list", "--archived", "no").err == "none\n"
    assert "Chat" in orbit("projects", "list", "--archived", "yes").out


def test_life_of_a_key(orbit: Orbit, tmp_path: Path) -> None:
    orbit("projects", "save", "bot", "--name", "Bot")
    allow = tmp_path / "allow.yaml"
    allow.write_text("models: [gpt-4o]\nip_ranges: [192.0.2.0/24]\n")
    issue = ("keys", "issue", "--project", "bot", "--name", "main", "--allow", str(allow))
    issued = orbit(*issue, "--expires-at", "90d", "--json").json
    assert issued["secret"].startswith("orb_")
    assert issued["allow"]["models"] == ["gpt-4o"]
    assert issued["expires_at"] is not None
    assert orbit("keys", "change", "bot/main", "--expires-at", "", "--json").json["expires_at"] is None
    rotated = orbit("keys", "rotate", issued["id"], "--overlap-s", "60", "--json").json
    assert rotated["secret"] != issued["secret"]
    assert len(rotated["former_secrets"]) == 1
    assert orbit("keys", "suspend", "bot/main", "--json").json["state"] == "suspended"
    assert orbit("keys", "resume", "bot/main", "--json").json["state"] == "usable"
    shown = orbit("keys", "show", "bot/main")
    assert issued["secret"] not in shown.out
    assert (
        orbit("keys", "revoke", "bot/main", "--reason", "over", "--yes", "--json").json["state"] == "revoked"
    )
    assert orbit("keys", "list").err == "none\n"
    assert "main" in orbit("keys", "list", "--revoked").out
    assert orbit("keys", "show", "bot/main").code == 5, "its name is free again"


def test_many_keys_are_revoked_by_what_holds_of_them(orbit: Orbit) -> None:
    for project in ("bot", "web"):
        orbit("projects", "save", project, "--name", project)
        for name in ("ci-1", "ci-2", "main"):
            orbit("keys", "issue", "--project", project, "--name", name)
    asked = orbit("keys", "revoke", "--project", "bot", "--name", "ci-*")
    assert (asked.code, "bot/ci-2, bot/ci-1" in asked.err) == (2, True)
    done = orbit("keys", "revoke", "--project", "bot", "--name", "ci-*", "--yes", "--json").json
    assert done == {"revoked": 2}
    left = orbit("keys", "list", "--json").json["data"]
    assert sorted((one["project"], one["name"]) for one in left) == [
        ("bot", "main"),
        ("web", "ci-1"),
        ("web", "ci-2"),
        ("web", "main"),
    ]
    assert orbit("keys", "revoke", "--yes").code == 2
    assert orbit("keys", "revoke", "web/main", "--project", "web", "--yes").code == 2


def test_lists_say_when_there_is_more(orbit: Orbit) -> None:
    for name in ("one", "two", "three"):
        orbit("projects", "save", name, "--name", name)
    said = orbit("projects", "list", "--limit", "2")
    assert (len(said.out.splitlines()), "there are more" in said.err) == (3, True)
    said = orbit("projects", "list", "--limit", "3")
    assert (len(said.out.splitlines()), said.err) == (4, "")


def test_management_keys(orbit: Orbit, stranger: Orbit, url: str, organization: Organization) -> None:
    scopes = ("--scopes", "keys.read,organization.read")
    issued = orbit("management-keys", "issue", "--name", "ci", *scopes, "--expires-at", "30d", "--json").json
    assert issued["secret"].startswith("orbm_")
    me = stranger("whoami", "--json", ORBIT_URL=url, ORBIT_MANAGEMENT_KEY=issued["secret"]).json
    assert me["scopes"] == ["keys.read", "organization.read"]
    assert issued["secret"] not in orbit("management-keys", "list").out
    assert orbit("management-keys", "revoke", "ci", "--yes", "--json").json["works"] is False
    assert stranger("whoami", ORBIT_URL=url, ORBIT_MANAGEMENT_KEY=issued["secret"]).code == 4
    assert "ci" in orbit("management-keys", "list", "--revoked", "yes").out


def _process(orbit: Orbit, *arguments: str) -> Said:
    process = orbit.process(
        *arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = process.communicate(timeout=60)
    return Said(process.returncode, out, err)


def test_import_makes_a_file_for_apply_without_a_gateway(stranger: Orbit, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("model_list: [{model_name: fast, litellm_params: {model: openai/gpt-4o-mini}}]")
    said = _process(stranger, "import", "litellm", str(config), "--slug", "acme")
    assert (said.code, "slug: acme" in said.out) == (0, True)
    said = _process(stranger, "import", "tenants", str(tmp_path / "nothing"))
    assert (said.code, "cannot be read" in said.err) == (2, True)


def test_command_is_a_process_that_imports_no_django(orbit: Orbit) -> None:
    said = _process(orbit, "whoami", "--json")
    assert said.json["organization"]
    code = "import sys, orbit.cli.main; print([name for name in sys.modules if name.startswith('django')])"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True)
    assert loaded.stdout == "[]\n"


def test_reader_that_has_had_enough_is_no_error(orbit: Orbit) -> None:
    process = orbit.process("keys", "list", "--help", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait(10)
